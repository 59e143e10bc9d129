import { expect, test } from 'vitest';
import { languageOf } from '../../../functions/shared/http/language.ts';

test.each([
  [undefined, 'en'],
  ['', 'en'],
  ['en', 'en'],
  ['en-US', 'en'],
  ['fr', 'en'],
  ['*', 'en'],
  ['zh', 'zh'],
  ['zh-CN', 'zh'],
  ['zh-TW', 'zh'],
  ['ZH-hans-cn', 'zh'],
  ['zh-CN,zh;q=0.9,en;q=0.8', 'zh'],
  ['en;q=0.5, zh-CN;q=0.9', 'zh'],
  ['zh;q=0.1,en', 'en'],
  ['en,zh', 'en'],
  ['fr, zh;q=0.5', 'zh'],
  ['zh;q=0', 'en'],
  ['zh;q=nonsense', 'en'],
  ['zhx', 'en'],
  [',;,;q=1,zh', 'zh'],
] as const)('%s is %s', (header, language) => {
  expect(languageOf(header)).toBe(language);
});
