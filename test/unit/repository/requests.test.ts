import { describe, expect, it } from 'vitest';
import { toDomainError } from '../../../functions/shared/http/validation.ts';
import { repositoryCreateRequest, repositoryDetail } from '../../../functions/shared/repository/requests.ts';

const GIVEN = { projectId: 'harbour', name: 'crates', type: 'GENERIC', category: 'LOCAL' };

function read(value: unknown): unknown {
  const result = repositoryCreateRequest.safeParse(value);
  return result.success ? result.data : toDomainError(result.error).code;
}

describe('repo/create', () => {
  it('fills in what is left out or null', () => {
    const filled = {
      ...GIVEN,
      public: false,
      description: undefined,
      configuration: undefined,
      storageCredentialsKey: undefined,
      operator: 'system',
    };
    expect(read(GIVEN)).toEqual(filled);
    expect(read({ ...GIVEN, description: null, configuration: null, storageCredentialsKey: null })).toEqual(
      filled,
    );
  });

  it.for([
    { ...GIVEN, type: 'CONAN' },
    { ...GIVEN, type: 'generic' },
    { ...GIVEN, category: null },
    { ...GIVEN, name: undefined },
    { ...GIVEN, configuration: [] },
  ])('refuses %j', (given) => {
    expect(read(given)).toBe('REQUEST_CONTENT_INVALID');
  });
});

describe('a repository in an answer', () => {
  it('shows no credentials, whatever storage it names', () => {
    const detail = repositoryDetail(
      {
        createdBy: 'ada',
        createdDate: new Date('2026-11-22T01:02:03Z'),
        lastModifiedBy: 'bob',
        lastModifiedDate: new Date('2026-11-22T01:02:04Z'),
        name: 'crates',
        type: 'GENERIC',
        category: 'LOCAL',
        public: true,
        configuration: { type: 'rpm-local', webHook: { webHookList: [] }, settings: {} },
        credentialsKey: 'cold',
        display: true,
        projectId: 'harbour',
      },
      'UTC',
    );
    expect(detail).toStrictEqual({
      projectId: 'harbour',
      name: 'crates',
      type: 'GENERIC',
      category: 'LOCAL',
      public: true,
      description: null,
      configuration: { type: 'rpm-local', webHook: { webHookList: [] }, settings: {} },
      storageCredentials: null,
      createdBy: 'ada',
      createdDate: '2026-11-22T01:02:03',
      lastModifiedBy: 'bob',
      lastModifiedDate: '2026-11-22T01:02:04',
    });
  });
});
