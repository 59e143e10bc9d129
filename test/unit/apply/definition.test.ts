import { expect, it } from 'vitest';
import { definitionChange } from '../../../functions/shared/apply/definition.ts';

const LOCAL = { type: 'rpm-local', webHook: { webHookList: [] }, settings: { keep: 3 } };
const SOURCE = { public: true, description: 'ours', configuration: LOCAL };

it('changes nothing where all is alike, whatever the remote fills in or leaves out', () => {
  expect(definitionChange(SOURCE, { ...SOURCE })).toBeUndefined();
  const remote = { type: 'remote', url: 'u', credentials: { username: null, password: 'p' }, unknown: 1 };
  const answered = { type: 'remote', url: 'u', credentials: { password: 'p' }, cache: { enabled: true } };
  expect(
    definitionChange({ public: false, configuration: remote }, { public: false, configuration: answered }),
  ).toBeUndefined();
  expect(
    definitionChange(
      { public: false, configuration: { ...LOCAL, type: 'local' } },
      { public: false, description: '', configuration: LOCAL },
    ),
  ).toBeUndefined();
});

it('changes what differs, and no more', () => {
  expect(definitionChange(SOURCE, { ...SOURCE, public: false })).toEqual({ public: true });
  expect(definitionChange({ ...SOURCE, description: undefined }, SOURCE)).toEqual({ description: '' });
  expect(definitionChange(SOURCE, { ...SOURCE, configuration: { ...LOCAL, settings: {} } })).toEqual({
    configuration: LOCAL,
  });
});

it('leaves a configuration of another type, which cannot be changed', () => {
  const configuration = { type: 'virtual', repositoryList: [], settings: {} };
  expect(definitionChange(SOURCE, { public: false, description: 'ours', configuration })).toEqual({
    public: true,
  });
});

it('changes everything where the remote does not tell what it has', () => {
  expect(definitionChange(SOURCE, undefined)).toEqual(SOURCE);
  expect(definitionChange({ public: false }, undefined)).toEqual({ public: false, description: '' });
});
