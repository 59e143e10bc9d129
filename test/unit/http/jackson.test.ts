import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  jacksonBoolean,
  jacksonInteger,
  jacksonString,
  optional,
  withDefault,
} from '../../../functions/shared/http/jackson.ts';

function read(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  return result.success ? result.data : 'refused';
}

describe('values as Jackson reads them', () => {
  it.for([
    [true, true],
    [false, false],
    ['true', true],
    [' False ', false],
    ['TRUE', true],
    [1, true],
    [0, false],
    ['yes', 'refused'],
    ['tRUE', 'refused'],
    [1.5, 'refused'],
    [null, 'refused'],
    [[true], 'refused'],
  ])('boolean %j is %j', ([given, expected]) => {
    expect(read(jacksonBoolean(), given)).toBe(expected);
  });

  it.for([
    [4, 4],
    ['4', 4],
    [' -4 ', -4],
    [4.9, 4],
    [12_345_678_901, 12_345_678_901],
    ['4.9', 'refused'],
    ['', 'refused'],
    ['0x10', 'refused'],
    [1e300, 'refused'],
    ['9007199254740993', 'refused'],
    [null, 'refused'],
    [true, 'refused'],
  ])('whole number %j is %j', ([given, expected]) => {
    expect(read(jacksonInteger(), given)).toBe(expected);
  });

  it.for([
    ['text', 'text'],
    [4, '4'],
    [false, 'false'],
    [null, 'refused'],
    [{}, 'refused'],
  ])('text %j is %j', ([given, expected]) => {
    expect(read(jacksonString(), given)).toBe(expected);
  });
});

describe('fields as Jackson reads them', () => {
  const schema = z.object({
    name: jacksonString(),
    note: optional(jacksonString()),
    folder: withDefault(jacksonBoolean(), false),
  });

  it('may be left out or null where they are not required, and unknown ones do not matter', () => {
    expect(read(schema, { name: 'n' })).toEqual({ name: 'n', note: undefined, folder: false });
    expect(read(schema, { name: 'n', note: null, folder: null, more: [1] })).toEqual({
      name: 'n',
      note: undefined,
      folder: false,
    });
    expect(read(schema, { name: 'n', note: 3, folder: 'true' })).toEqual({
      name: 'n',
      note: '3',
      folder: true,
    });
  });

  it('are refused when required and missing, or of another kind', () => {
    expect(read(schema, {})).toBe('refused');
    expect(read(schema, { name: null })).toBe('refused');
    expect(read(schema, { name: 'n', folder: 'x' })).toBe('refused');
    expect(read(schema, [1])).toBe('refused');
  });
});
