import { describe, expect, test } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { toDomainError } from '../../../functions/shared/http/validation.ts';
import { remoteClusterSchema, taskRequestSchema } from '../../../functions/shared/task/request.ts';

const remoteClusterInfo = {
  url: 'http://127.0.0.1:26002/replication',
  username: 'admin',
  password: 'password',
};
const minimal = { localProjectId: 'p1', setting: { remoteClusterInfo } };

/** A certificate for tests: self-signed, EC, its key thrown away. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBgjCCASmgAwIBAgIUVNphwi2GSWvvV2iAGgfNH8rgimIwCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLcmVtb3RlLnRlc3QwIBcNMjYxMTIyMDMzNjA2WhgPMjEyNjEw
MjkwMzM2MDZaMBYxFDASBgNVBAMMC3JlbW90ZS50ZXN0MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEIqIz+SQTxmZCvbPt9OMm3bn9XJBy6KbaXe0H97rt1OpZjNP6
OV6p4JDQxRO5PRqgYNij2571ErbkCk4UB68UG6NTMFEwHQYDVR0OBBYEFAXq8i7g
V3CbZlCUDODeVYpSjurJMB8GA1UdIwQYMBaAFAXq8i7gV3CbZlCUDODeVYpSjurJ
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgUnvfZM+GddpsUZ7O
xibCxO2dvJtZM+tegegWqETk6lQCIHfmC5WWCmqGu9gMrJgPsxCAxxQ/qmezVpD5
f1E5lieN
-----END CERTIFICATE-----
`;

function read(request: unknown, timeZone = 'UTC') {
  const result = taskRequestSchema(timeZone).safeParse(request);
  if (!result.success) {
    throw toDomainError(result.error);
  }
  return result.data;
}

function withPlan(executionPlan: unknown, more: object = {}) {
  return { ...minimal, ...more, setting: { remoteClusterInfo, executionPlan } };
}

function withRemote(remote: object) {
  return { ...minimal, setting: { remoteClusterInfo: { ...remoteClusterInfo, ...remote } } };
}

describe('defaults', () => {
  const defaults = {
    name: undefined,
    description: undefined,
    type: 'FULL',
    includeAllProject: false,
    localProjectId: 'p1',
    localRepoName: undefined,
    remoteProjectId: undefined,
    remoteRepoName: undefined,
    setting: {
      includeMetadata: true,
      includePermission: false,
      conflictStrategy: 'SKIP',
      errorStrategy: 'CONTINUE',
      remoteClusterInfo: { ...remoteClusterInfo, certificate: undefined },
      executionPlan: { executeImmediately: true, executeTime: undefined, cronExpression: undefined },
    },
    validateConnectivity: true,
    initialSync: false,
  };

  test('fill what is left out', () => {
    expect(read(minimal)).toEqual(defaults);
  });

  test('fill what is null', () => {
    const nulls = {
      name: null,
      description: null,
      type: null,
      includeAllProject: null,
      localProjectId: 'p1',
      localRepoName: null,
      remoteProjectId: null,
      remoteRepoName: null,
      setting: {
        includeMetadata: null,
        includePermission: null,
        conflictStrategy: null,
        errorStrategy: null,
        remoteClusterInfo: { ...remoteClusterInfo, certificate: null },
        executionPlan: { executeImmediately: null, executeTime: null, cronExpression: null },
      },
      validateConnectivity: null,
      initialSync: null,
    };
    expect(read(nulls)).toEqual(defaults);
    expect(read({ ...nulls, setting: { ...nulls.setting, executionPlan: null } })).toEqual(defaults);
  });

  test('give way to what is said, booleans as text among it', () => {
    const request = {
      type: 'INCREMENTAL',
      includeAllProject: 'false',
      localProjectId: ' p1 ',
      localRepoName: 'g3',
      remoteProjectId: 'r1',
      remoteRepoName: 'r3',
      setting: {
        includeMetadata: 'false',
        includePermission: true,
        conflictStrategy: 'OVERWRITE',
        remoteClusterInfo,
        executionPlan: { executeImmediately: 'false', cronExpression: '0 0 3 1 1 ? 2099' },
      },
      validateConnectivity: false,
      whatever: 1,
    };
    expect(read(request)).toMatchObject({
      type: 'INCREMENTAL',
      includeAllProject: false,
      localProjectId: 'p1',
      localRepoName: 'g3',
      remoteProjectId: 'r1',
      remoteRepoName: 'r3',
      setting: {
        includeMetadata: false,
        includePermission: true,
        conflictStrategy: 'OVERWRITE',
        executionPlan: { executeImmediately: false, cronExpression: '0 0 3 1 1 ? 2099' },
      },
      validateConnectivity: false,
    });
  });
});

describe('scope', () => {
  test('all projects clear every name', () => {
    const request = {
      ...minimal,
      includeAllProject: true,
      localRepoName: 'g3',
      remoteProjectId: 'r',
      remoteRepoName: 's',
    };
    expect(read(request)).toMatchObject({
      includeAllProject: true,
      localProjectId: undefined,
      localRepoName: undefined,
      remoteProjectId: undefined,
      remoteRepoName: undefined,
    });
  });

  test.each([undefined, null, '', '  '])('without a local project (%j) it is missing', (localProjectId) => {
    expect(() => read({ ...minimal, localProjectId })).toThrow(
      new DomainError('PARAMETER_MISSING', ['localProjectId']),
    );
  });

  test.each(['localProjectId', 'localRepoName', 'remoteProjectId', 'remoteRepoName'])(
    'a %s that cannot be a name is invalid',
    (field) => {
      for (const name of ['a/b', 'a\\b', 'a\u0000b', 'a'.repeat(101)]) {
        expect(() => read({ ...minimal, [field]: name })).toThrow(
          new DomainError('PARAMETER_INVALID', [field]),
        );
      }
    },
  );
});

describe('content that does not fit', () => {
  test.each([
    ['no setting', { includeAllProject: true }],
    ['no remote', { includeAllProject: true, setting: {} }],
    ['no url', { ...minimal, setting: { remoteClusterInfo: { username: 'a', password: 'b' } } }],
    ['no user name', withRemote({ username: undefined })],
    ['no password', withRemote({ password: null })],
    ['an unknown type', { ...minimal, type: 'SOMETIMES' }],
    ['a lower-case type', { ...minimal, type: 'full' }],
    ['an unknown strategy', { ...minimal, setting: { remoteClusterInfo, conflictStrategy: 'X' } }],
    ['a flag that is none', { ...minimal, includeAllProject: 'perhaps' }],
    ['a plan that is none', withPlan('now')],
    ['a time with a blank', withPlan({ executeImmediately: false, executeTime: '2099-01-01 00:00:00' })],
    ['no object', 'x'],
  ])('%s', (_case, request) => {
    expect(() => read(request)).toThrow(new DomainError('REQUEST_CONTENT_INVALID'));
  });
});

describe('the plan', () => {
  test('that says neither now nor when lacks its cron expression', () => {
    expect(() => read(withPlan({ executeImmediately: false, executeTime: '' }))).toThrow(
      new DomainError('PARAMETER_MISSING', ['cronExpression']),
    );
  });

  test('may have an empty cron expression only where none is needed', () => {
    expect(() => read(withPlan({ executeImmediately: false, cronExpression: ' ' }))).toThrow(
      new DomainError('PARAMETER_INVALID', ['']),
    );
    expect(read(withPlan({ cronExpression: '' })).setting.executionPlan.cronExpression).toBeUndefined();
  });

  test.each(['* * *', '0 3 * * *', 'garbage', '0 0 99 * * ?'])(
    'a bad expression (%s) is named',
    (cronExpression) => {
      for (const executeImmediately of [false, true]) {
        expect(() => read(withPlan({ executeImmediately, cronExpression }))).toThrow(
          new DomainError('PARAMETER_INVALID', [cronExpression]),
        );
      }
    },
  );

  test('a long bad expression is named by its beginning', () => {
    expect(() => read(withPlan({ cronExpression: 'x'.repeat(5_000) }))).toThrow(
      new DomainError('PARAMETER_INVALID', ['x'.repeat(100)]),
    );
  });

  test.each([
    ['2099-01-01T00:00:00', 'UTC', '2099-01-01T00:00:00.000Z'],
    ['2099-01-01T00:00:00', 'Asia/Shanghai', '2098-12-31T16:00:00.000Z'],
    ['2099-01-01T00:00:00+08:00', 'UTC', '2098-12-31T16:00:00.000Z'],
  ])('%s in %s is %s', (executeTime, timeZone, instant) => {
    const { executionPlan } = read(withPlan({ executeImmediately: false, executeTime }), timeZone).setting;
    expect(executionPlan.executeTime).toEqual(new Date(instant));
  });
});

describe('the remote', () => {
  test('has its address normalised', () => {
    expect(read(withRemote({ url: ' host/replication/ ' })).setting.remoteClusterInfo.url).toBe(
      'http://host/replication',
    );
  });

  test.each([
    [{ url: 'http://user:secret@host/' }, new DomainError('PARAMETER_INVALID', ['url'])],
    [{ url: 'not a url' }, new DomainError('REMOTE_CONNECT_FAILED', ['the url is not a valid address'])],
    [{ username: '' }, new DomainError('PARAMETER_MISSING', ['username'])],
    [{ password: '' }, new DomainError('PARAMETER_MISSING', ['password'])],
    [{ password: 'x'.repeat(1025) }, new DomainError('PARAMETER_INVALID', ['password'])],
    [{ certificate: 'xyz' }, new DomainError('REMOTE_TLS_FAILED')],
    [{ certificate: 'x'.repeat(65_537) }, new DomainError('PARAMETER_INVALID', ['certificate'])],
  ])('%j is refused', (remote, error) => {
    expect(() => read(withRemote(remote))).toThrow(error);
    const result = remoteClusterSchema.safeParse({ ...remoteClusterInfo, ...remote });
    expect(result.error && toDomainError(result.error)).toEqual(error);
  });

  test('may bring a certificate; a blank one is none', () => {
    expect(read(withRemote({ certificate: CERTIFICATE })).setting.remoteClusterInfo.certificate).toBe(
      CERTIFICATE,
    );
    expect(read(withRemote({ certificate: ' ' })).setting.remoteClusterInfo.certificate).toBeUndefined();
  });
});

describe('settings of sweeps', () => {
  const withSetting = (setting: object, type = 'INCREMENTAL') => ({
    ...minimal,
    type,
    setting: { remoteClusterInfo, ...setting },
  });

  test('are kept as they are given, 0 included', () => {
    const { setting } = read(withSetting({ sweepPeriod: 0, comparePeriod: '48', maxDeletionShare: '0.25' }));
    expect(setting).toMatchObject({ sweepPeriod: 0, comparePeriod: 48, maxDeletionShare: 0.25 });
  });

  test.each([
    [{ sweepPeriod: -1 }, 'sweepPeriod'],
    [{ sweepPeriod: 44_641 }, 'sweepPeriod'],
    [{ comparePeriod: 8_785 }, 'comparePeriod'],
    [{ maxDeletionShare: 1.01 }, 'maxDeletionShare'],
    [{ maxDeletionShare: 'half' }, 'maxDeletionShare'],
  ])('are bounded: %j', (setting, name) => {
    expect(() => read(withSetting(setting))).toThrow(new DomainError('PARAMETER_INVALID', [name]));
  });

  test('mean nothing to a task that copies what there is', () => {
    expect(() => read(withSetting({ sweepPeriod: 5 }, 'FULL'))).toThrow(
      new DomainError('PARAMETER_INVALID', ['sweepPeriod']),
    );
  });
});
