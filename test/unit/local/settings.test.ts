import { describe, expect, it } from 'vitest';
import { parseEndpoints } from '../../../bin/local/endpoints.ts';
import { LocalCloudError } from '../../../bin/local/errors.ts';
import { withoutPassword } from '../../../bin/local/main.ts';
import { readSettings } from '../../../bin/local/settings.ts';

describe('the settings', () => {
  it('have defaults, also for variables that are set to nothing', () => {
    const defaults = { mongodbUri: undefined, operateLogBytes: 2_097_152 };
    expect(readSettings({})).toEqual(defaults);
    expect(readSettings({ MONGODB_URI: '', LOGFERRY_OPERATE_LOG_BYTES: '' })).toEqual(defaults);
  });

  it('are read', () => {
    const uri = 'mongodb://someone:secret@127.0.0.1:27017/?replicaSet=rs0';
    expect(readSettings({ MONGODB_URI: uri, LOGFERRY_OPERATE_LOG_BYTES: '10000' })).toEqual({
      mongodbUri: uri,
      operateLogBytes: 10_000,
    });
  });

  it.each([
    ['MONGODB_URI', 'postgres://someone:secret@host/'],
    ['LOGFERRY_OPERATE_LOG_BYTES', 'secret'],
    ['LOGFERRY_OPERATE_LOG_BYTES', '1.5'],
    ['LOGFERRY_OPERATE_LOG_BYTES', '-1'],
  ])('are refused by name, never by value: %s=%s', (name, value) => {
    const read = () => readSettings({ [name]: value });
    expect(read).toThrow(LocalCloudError);
    expect(read).toThrow(name);
    expect(read).not.toThrow(value);
  });
});

describe('a connection string', () => {
  it('is shown without its credentials', () => {
    expect(withoutPassword('mongodb://someone:p%40ss@host:1/db?x=a@b')).toBe('mongodb://host:1/db?x=a@b');
    expect(withoutPassword('mongodb+srv://someone:secret@host/')).toBe('mongodb+srv://host/');
    expect(withoutPassword('mongodb://127.0.0.1:1/')).toBe('mongodb://127.0.0.1:1/');
  });
});

describe('endpoints.json', () => {
  const stage = {
    aws: { endpoint: 'http://127.0.0.1:1', region: 'us-east-1', accessKeyId: 'a', secretAccessKey: 's' },
    apiUrl: 'http://127.0.0.1:2',
    mongoUri: 'mongodb://127.0.0.1:3/',
    mongoDatabase: 'bkrepo_source',
    operateLogCollection: 'operate_log',
    blobBucket: 'blobs',
    projectId: '054ba152d480d55b2f5dc0069e7ddef0',
    admin: { username: 'admin', password: 'secret' },
    resources: { TableName: 'table' },
  };

  it('has the documented shape, and nothing else', () => {
    const written = { ...stage, aws: { ...stage.aws, stray: 1 }, stray: 1 };
    expect(parseEndpoints({ stages: { source: written, target: stage } })).toEqual({
      stages: { source: stage, target: stage },
    });
  });

  it.each(['http://127.0.0.1:2/', 'http://127.0.0.1:2/api', 'http://localhost:2', 'https://127.0.0.1:2'])(
    'takes only a plain loopback origin for an API: not %s',
    (apiUrl) => {
      expect(() => parseEndpoints({ stages: { source: { ...stage, apiUrl }, target: stage } })).toThrow();
    },
  );
});
