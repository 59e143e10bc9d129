import { expect, it } from 'vitest';
import { typedConfiguration } from '../../../functions/shared/apply/repository-configuration.ts';

it.each([
  [{ webHook: {} }, undefined, 'rpm-local'],
  [{ settings: {} }, { type: 'local' }, 'rpm-local'],
  [{ settings: {} }, { type: 'rpm-local' }, 'rpm-local'],
  [{ proxy: {} }, undefined, 'composite'],
  [{ repositoryList: [] }, undefined, 'virtual'],
  [{ url: 'http://x' }, undefined, 'remote'],
  [{ settings: {} }, { type: 'virtual' }, 'virtual'],
  [{ settings: {}, type: 'remote' }, { type: 'virtual' }, 'remote'],
  [{ settings: {}, type: 7 }, { type: '' }, 'rpm-local'],
])('gives %j beside %j the type %s', (configuration, present, type) => {
  expect(typedConfiguration(configuration, present)).toEqual({ ...configuration, type });
});

it('makes up no configuration', () => {
  expect(typedConfiguration(undefined, { type: 'local' })).toBeUndefined();
});
