import { describe, expect, test } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import type { StoredFailure } from '../../../functions/shared/failure/repository.ts';
import { failureListRequest, failureSelectionRequest } from '../../../functions/shared/failure/requests.ts';
import { dismissFailures, retryFailures } from '../../../functions/shared/failure/select.ts';
import { toDomainError } from '../../../functions/shared/http/validation.ts';
import { storedTask } from '../../support/tasks.ts';

const { key: taskKey } = storedTask();

describe('a page', () => {
  const read = (query: object) => failureListRequest.safeParse({ taskKey, ...query });

  test('is the first of twenty unless another is asked for', () => {
    expect(read({}).data).toEqual({ taskKey, pageNumber: 1, pageSize: 20 });
    expect(read({ pageNumber: '3', pageSize: '100' }).data).toEqual({
      taskKey,
      pageNumber: 3,
      pageSize: 100,
    });
  });

  test.each([
    ['pageNumber', '0'],
    ['pageNumber', '1000001'],
    ['pageSize', '0'],
    ['pageSize', '101'],
  ])('with %s=%s is refused', (name, value) => {
    const { error } = read({ [name]: value });
    expect(error && toDomainError(error)).toEqual(new DomainError('PARAMETER_INVALID', [name]));
  });
});

describe('a selection', () => {
  const calls: unknown[] = [];
  const all = Array.from({ length: 250 }, (_, index) => `id-${index}`);
  const dependencies = {
    tasks: { get: async (key: string) => (key === taskKey ? storedTask() : undefined) },
    failures: {
      ids: async (_taskKey: string, limit: number): Promise<StoredFailure['id'][]> => all.slice(0, limit),
      remove: async (_taskKey: string, ids: readonly string[]) => {
        calls.push(ids);
      },
    },
    queue: {
      retry: async ({ failures }: { readonly failures: readonly string[] }) => {
        calls.push(failures);
      },
    },
  };
  const asked = (content: object) => {
    calls.length = 0;
    return { ...dependencies, selection: failureSelectionRequest.parse({ taskKey, ...content }) };
  };

  test('is what is named, or all, a hundred to a message', async () => {
    await retryFailures(asked({ ids: ['a', '', 'b'] }));
    expect(calls).toEqual([['a', 'b']]);
    await retryFailures(asked({}));
    expect(calls).toEqual([all.slice(0, 100), all.slice(100, 200), all.slice(200)]);
    await retryFailures(asked({ ids: [] }));
    expect(calls).toEqual([]);
    await dismissFailures(asked({ ids: null }));
    expect(calls).toEqual([all]);
  });

  test('of an unknown task is refused, and so are too many', async () => {
    const unknown = new DomainError('RESOURCE_NOT_FOUND', ['other']);
    await expect(retryFailures(asked({ taskKey: 'other' }))).rejects.toThrow(unknown);
    await expect(dismissFailures(asked({ taskKey: 'other' }))).rejects.toThrow(unknown);
    const { error } = failureSelectionRequest.safeParse({ taskKey, ids: Array(1_001).fill('x') });
    expect(error && toDomainError(error)).toEqual(new DomainError('PARAMETER_INVALID', ['ids']));
  });
});
