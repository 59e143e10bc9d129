import { describe, expect, it } from 'vitest';
import {
  fileReferenceCollectionOf,
  javaHashCode,
  nodeCollectionOf,
} from '../../../functions/shared/mongodb/sharding.ts';

describe('sharding', () => {
  it.each([
    ['', 0],
    ['a', 97],
    ['hello', 99_162_322],
    ['polygenelubricants', -2_147_483_648],
    ['目录', 968_231],
  ])('hashes %j as Java does', (text, hash) => {
    expect(javaHashCode(text)).toBe(hash);
  });

  it('finds the collections that bk-repo uses', () => {
    expect(nodeCollectionOf('ops')).toBe('node_178');
    expect(nodeCollectionOf('test')).toBe('node_146');
    expect(
      fileReferenceCollectionOf('e948e4e5b4f619e34a7823e88602f1fa723ff3c784b99faed014ea6087df2c17'),
    ).toBe('file_reference_103');
  });
});
