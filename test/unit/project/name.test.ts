import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { checkName } from '../../../functions/shared/project/name.ts';

describe('checkName', () => {
  it.for(['ab', '_1', 'A-b_9', 'x'.repeat(32)])('takes %s', (name) => {
    expect(() => checkName(name, 'name')).not.toThrow();
  });

  it.for(['', 'a', '1a', '-ab', 'a b', 'a.b', '中文', 'ab\n', 'x'.repeat(33)])('refuses %j', (name) => {
    expect(() => checkName(name, 'displayName')).toThrow(
      new DomainError('PARAMETER_INVALID', ['displayName']),
    );
  });
});
