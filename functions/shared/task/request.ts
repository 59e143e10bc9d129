import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { jacksonBoolean, jacksonInteger, jacksonString, optional, withDefault } from '../http/jackson.ts';
import { parseLocalDateTime } from '../http/local-date-time.ts';
import { domainRule, domainTransform } from '../http/validation.ts';
import { isQuartzExpression } from '../schedule/quartz.ts';
import { normalizeRemoteUrl } from './remote-address.ts';
import { CONFLICT_STRATEGIES } from './sync-policy.ts';
import { ERROR_STRATEGIES, TASK_TYPES } from './task.ts';

/** A stored task must fit DynamoDB's 400 KB and a password KMS's 4,096 bytes. */
const MAX_CERTIFICATE_LENGTH = 64 * 1024;
const MAX_CREDENTIAL_LENGTH = 1024;
const MAX_NAME_LENGTH = 100;
const MAX_LABEL_LENGTH = 1024;
/** A month of minutes, and a year of hours. */
const MAX_SWEEP_PERIOD = 44_640;
const MAX_COMPARE_PERIOD = 8_784;
/** How much of a refused expression its error repeats. */
const MAX_ECHO_LENGTH = 100;

const certificate = optional(jacksonString()).transform(
  domainTransform((pem) => {
    if (pem === undefined || pem.trim() === '') {
      return undefined;
    }
    if (pem.length > MAX_CERTIFICATE_LENGTH) {
      throw new DomainError('PARAMETER_INVALID', ['certificate']);
    }
    try {
      new X509Certificate(pem);
    } catch (cause) {
      throw new DomainError('REMOTE_TLS_FAILED', [], { cause });
    }
    return pem;
  }),
);

/**
 * A remote cluster as requests name it. Credentials that are missing do not fit; empty ones are named as missing,
 * for no bk-repo lets an empty name in.
 */
export const remoteClusterSchema = z.object({
  url: jacksonString().transform(domainTransform(normalizeRemoteUrl)),
  certificate,
  username: credential('username'),
  password: credential('password'),
});
export type RemoteCluster = z.output<typeof remoteClusterSchema>;

function credential(name: string) {
  return jacksonString().check(
    domainRule((text) => {
      if (text === '') {
        return new DomainError('PARAMETER_MISSING', [name]);
      }
      return text.length > MAX_CREDENTIAL_LENGTH ? new DomainError('PARAMETER_INVALID', [name]) : undefined;
    }),
  );
}

/** A project's or repository's name; blank counts as left out. Names that could not be part of a path are refused. */
function containerName(name: string) {
  return optional(jacksonString()).transform(
    domainTransform((text) => {
      const trimmed = text?.trim() ?? '';
      if (trimmed.length > MAX_NAME_LENGTH || /[/\\\p{Cc}]/u.test(trimmed)) {
        throw new DomainError('PARAMETER_INVALID', [name]);
      }
      return trimmed === '' ? undefined : trimmed;
    }),
  );
}

/** A text for people; blank counts as left out. */
export function label(name: string) {
  return optional(jacksonString()).transform(
    domainTransform((text) => {
      const trimmed = text?.trim() ?? '';
      if (trimmed.length > MAX_LABEL_LENGTH) {
        throw new DomainError('PARAMETER_INVALID', [name]);
      }
      return trimmed === '' ? undefined : trimmed;
    }),
  );
}

/** A number of minutes or hours; 0 stands for never. */
function period(name: string, max: number) {
  return optional(jacksonInteger()).check(
    domainRule((value) =>
      value !== undefined && (value < 0 || value > max)
        ? new DomainError('PARAMETER_INVALID', [name])
        : undefined,
    ),
  );
}

/** A share from 0 to 1; in text, too, as Jackson reads numbers. */
function share(name: string) {
  return optional(z.union([z.number(), z.string().trim().min(1).transform(Number)])).check(
    domainRule((value) =>
      value === undefined || (value >= 0 && value <= 1)
        ? undefined
        : new DomainError('PARAMETER_INVALID', [name]),
    ),
  );
}

function executionPlan(timeZone: string) {
  return z
    .object({
      executeImmediately: withDefault(jacksonBoolean(), true),
      executeTime: optional(z.string()).transform(
        domainTransform((text) =>
          text === undefined || text === '' ? undefined : parseLocalDateTime(text, timeZone),
        ),
      ),
      cronExpression: optional(z.string()).transform(
        domainTransform((text) => {
          const expression = text?.trim();
          if (expression !== undefined && expression !== '' && !isQuartzExpression(expression)) {
            throw new DomainError('PARAMETER_INVALID', [expression.slice(0, MAX_ECHO_LENGTH)]);
          }
          return expression;
        }),
      ),
    })
    .transform(domainTransform(timed));
}

interface Plan {
  readonly executeImmediately: boolean;
  readonly executeTime: Date | undefined;
  readonly cronExpression: string | undefined;
}

/** A plan says when: at once, at a time, or by an expression, which may be empty only where it is not needed. */
function timed(plan: Plan): Plan {
  const { executeImmediately, executeTime, cronExpression } = plan;
  if (!executeImmediately && executeTime === undefined && !cronExpression) {
    throw cronExpression === undefined
      ? new DomainError('PARAMETER_MISSING', ['cronExpression'])
      : new DomainError('PARAMETER_INVALID', [cronExpression]);
  }
  return { ...plan, cronExpression: cronExpression === '' ? undefined : cronExpression };
}

/**
 * A request to create a task, with the contract's defaults and rules (wire contract, "Task").
 *
 * @param timeZone zone of an `executeTime` without an offset.
 */
export function taskRequestSchema(timeZone: string) {
  return z
    .object({
      name: label('name'),
      description: label('description'),
      type: withDefault(z.enum(TASK_TYPES), 'FULL'),
      includeAllProject: withDefault(jacksonBoolean(), false),
      localProjectId: containerName('localProjectId'),
      localRepoName: containerName('localRepoName'),
      remoteProjectId: containerName('remoteProjectId'),
      remoteRepoName: containerName('remoteRepoName'),
      setting: z.object({
        includeMetadata: withDefault(jacksonBoolean(), true),
        includePermission: withDefault(jacksonBoolean(), false),
        conflictStrategy: withDefault(z.enum(CONFLICT_STRATEGIES), 'SKIP'),
        errorStrategy: withDefault(z.enum(ERROR_STRATEGIES), 'CONTINUE'),
        remoteClusterInfo: remoteClusterSchema,
        executionPlan: withDefault(executionPlan(timeZone), {
          executeImmediately: true,
          executeTime: undefined,
          cronExpression: undefined,
        }),
        sweepPeriod: period('sweepPeriod', MAX_SWEEP_PERIOD),
        comparePeriod: period('comparePeriod', MAX_COMPARE_PERIOD),
        maxDeletionShare: share('maxDeletionShare'),
      }),
      validateConnectivity: withDefault(jacksonBoolean(), true),
      initialSync: withDefault(jacksonBoolean(), false),
    })
    .transform(domainTransform(scoped))
    .transform(domainTransform(synced))
    .transform(domainTransform(swept));
}

export type TaskRequest = z.output<ReturnType<typeof taskRequestSchema>>;

interface Scope {
  readonly includeAllProject: boolean;
  readonly localProjectId: string | undefined;
  readonly localRepoName: string | undefined;
  readonly remoteProjectId: string | undefined;
  readonly remoteRepoName: string | undefined;
}

/** All projects need no names, and keep none; otherwise the local project must be named. */
function scoped<Request extends Scope>(request: Request): Request {
  if (request.includeAllProject) {
    return {
      ...request,
      localProjectId: undefined,
      localRepoName: undefined,
      remoteProjectId: undefined,
      remoteRepoName: undefined,
    };
  }
  if (request.localProjectId === undefined) {
    throw new DomainError('PARAMETER_MISSING', ['localProjectId']);
  }
  return request;
}

/** A FULL task copies what there is anyway. */
function synced<Request extends { readonly type: string; readonly initialSync: boolean }>(
  request: Request,
): Request {
  if (request.initialSync && request.type !== 'INCREMENTAL') {
    throw new DomainError('PARAMETER_INVALID', ['initialSync']);
  }
  return request;
}

/** Only what follows the log is swept. */
function swept<
  Request extends {
    readonly type: string;
    readonly setting: Readonly<Partial<Record<(typeof SWEEP_SETTINGS)[number], unknown>>>;
  },
>(request: Request): Request {
  const given = SWEEP_SETTINGS.find((name) => request.setting[name] !== undefined);
  if (given !== undefined && request.type !== 'INCREMENTAL') {
    throw new DomainError('PARAMETER_INVALID', [given]);
  }
  return request;
}

const SWEEP_SETTINGS = ['sweepPeriod', 'comparePeriod', 'maxDeletionShare'] as const;

/** The path parameter of every endpoint about one task. What is no key is found nowhere, so any text fits. */
export const taskKeySchema = z.object({ taskKey: z.string() });
