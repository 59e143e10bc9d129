/**
 * A repository's configuration as the contract wants it, with its `type`.
 *
 * Log entries have lost the type: it is read again from the source's repository, else told
 * by the fields that only one type has. A local configuration is written as `rpm-local`.
 */
export function typedConfiguration(
  configuration: Readonly<Record<string, unknown>> | undefined,
  present: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, unknown>> | undefined {
  if (configuration === undefined) {
    return undefined;
  }
  const type = textOf(configuration['type']) ?? textOf(present?.['type']) ?? inferredType(configuration);
  return { ...configuration, type: type === 'local' ? 'rpm-local' : type };
}

function inferredType(configuration: Readonly<Record<string, unknown>>): string {
  if ('proxy' in configuration) {
    return 'composite';
  }
  if ('repositoryList' in configuration) {
    return 'virtual';
  }
  return 'url' in configuration ? 'remote' : 'local';
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
