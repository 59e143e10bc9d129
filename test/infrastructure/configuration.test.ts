import { describe, expect, it } from 'vitest';
import { type Configuration, ConfigurationError, readConfiguration } from '../../lib/configuration.ts';

const REQUIRED = { stage: 'prod', mongodbSecretName: 'bkrepo/mongodb' } as const;

const NETWORK = {
  vpcId: 'vpc-0a1b2c3d4e5f60718',
  subnetIds: 'subnet-0a1b2c3d',
  securityGroupIds: 'sg-0a1b2c3d',
} as const;

function read(context: Readonly<Record<string, unknown>>): Configuration {
  return readConfiguration((key) => context[key]);
}

function faultsOf(context: Readonly<Record<string, unknown>>): readonly string[] {
  try {
    read(context);
  } catch (error) {
    if (error instanceof ConfigurationError) {
      return error.faults;
    }
    throw error;
  }
  return [];
}

describe('readConfiguration', () => {
  it('needs a stage and a secret only', () => {
    expect(read(REQUIRED)).toEqual({
      ...REQUIRED,
      mongodbDatabase: 'bkrepo',
      operateLogCollection: 'operate_log',
      blobBucketName: undefined,
      archiveDays: 365,
      tailMode: 'continuous',
      timeZone: 'UTC',
      projectId: expect.stringMatching(/^[0-9a-f]{32}$/),
      allowPrivateRemotes: false,
      network: undefined,
      removalPolicy: 'retain',
      adminRevision: 1,
      alarmTopicArn: undefined,
      trustForwardedHost: false,
      oidc: undefined,
    });
  });

  it('makes the project id from the stage', () => {
    expect(read(REQUIRED).projectId).toBe(read({ ...REQUIRED, mongodbSecretName: 'other' }).projectId);
    expect(read(REQUIRED).projectId).not.toBe(read({ ...REQUIRED, stage: 'test' }).projectId);
    const given = '054ba152d480d55b2f5dc0069e7ddef0';
    expect(read({ ...REQUIRED, projectId: given }).projectId).toBe(given);
  });

  it.each([
    ['text, as the command line gives it', 'true', '2', 'subnet-0a1b2c3d, subnet-0a1b2c3e'],
    ['JSON, as cdk.json gives it', true, 2, ['subnet-0a1b2c3d', 'subnet-0a1b2c3e']],
  ])('reads %s', (_name, allowPrivateRemotes, adminRevision, subnetIds) => {
    expect(
      read({
        ...REQUIRED,
        allowPrivateRemotes,
        adminRevision,
        vpcId: 'vpc-0a1b2c3d4e5f60718',
        subnetIds,
        securityGroupIds: 'sg-0a1b2c3d',
      }),
    ).toMatchObject({
      allowPrivateRemotes: true,
      adminRevision: 2,
      network: {
        vpcId: 'vpc-0a1b2c3d4e5f60718',
        subnetIds: ['subnet-0a1b2c3d', 'subnet-0a1b2c3e'],
        securityGroupIds: ['sg-0a1b2c3d'],
      },
    });
  });

  it('says what is missing, each in a line', () => {
    expect(faultsOf({})).toEqual([
      'context value stage is missing: give it with -c stage=...',
      'context value mongodbSecretName is missing: give it with -c mongodbSecretName=...',
    ]);
  });

  it.each([
    ['stage', 'Prod'],
    ['stage', 'a'.repeat(21)],
    ['mongodbSecretName', ' '],
    ['archiveDays', '34'],
    ['tailMode', 'lazy'],
    ['timeZone', 'Shanghai'],
    ['projectId', 'prod'],
    ['allowPrivateRemotes', 'perhaps'],
    ['removalPolicy', 'snapshot'],
    ['adminRevision', '0'],
    ['alarmTopicArn', 'alarms'],
    ['vpcId', 'vpc'],
    ['trustForwardedHost', 'perhaps'],
    ['subnetIds', 'subnet-0a1b2c3d;subnet-0a1b2c3e'],
  ])('names %s when it is %j', (key, value) => {
    const network = key.endsWith('Id') || key.endsWith('Ids') ? NETWORK : {};
    const faults = faultsOf({ ...REQUIRED, ...network, [key]: value });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^context value ${key}: `));
  });

  it('wants an OIDC issuer with its audience, over TLS unless private addresses are allowed', () => {
    const oidc = { oidcIssuer: 'http://issuer.internal/realm', oidcAudience: 'logferry' };
    expect(faultsOf({ ...REQUIRED, oidcIssuer: 'https://issuer.example' })).toEqual([
      'context value oidcIssuer: oidcIssuer and oidcAudience are given together or not at all',
    ]);
    expect(faultsOf({ ...REQUIRED, ...oidc, oidcIssuer: 'issuer' })).toEqual([
      'context value oidcIssuer: must be the URL of an OpenID Connect issuer',
    ]);
    expect(faultsOf({ ...REQUIRED, ...oidc })).toEqual([
      'context value oidcIssuer: must begin with https:// unless allowPrivateRemotes is given',
    ]);
    expect(read({ ...REQUIRED, ...oidc, allowPrivateRemotes: true }).oidc).toEqual({
      issuer: oidc.oidcIssuer,
      audience: 'logferry',
      rolesClaim: 'roles',
    });
  });

  it('wants the VPC values together', () => {
    expect(faultsOf({ ...REQUIRED, vpcId: 'vpc-0a1b2c3d' })).toEqual([
      'context value vpcId: vpcId, subnetIds and securityGroupIds are given together or not at all',
    ]);
  });
});
