/**
 * JSON text as Jackson's default pretty printer writes it, the form in which bk-repo stores a repository's
 * configuration: two blanks of indentation, ` : ` between name and value, `{ }` and `[ ]` when empty, and the
 * elements of an array on the line of its bracket.
 *
 * @example prettyJson({ a: [1, { b: null }] }) // '{\n  "a" : [ 1, {\n    "b" : null\n  } ]\n}'
 */
export function prettyJson(value: unknown, depth = 0): string {
  if (Array.isArray(value)) {
    const items = value.map((item) => prettyJson(item, depth));
    return items.length === 0 ? '[ ]' : `[ ${items.join(', ')} ]`;
  }
  if (typeof value === 'object' && value !== null) {
    const indentation = '  '.repeat(depth + 1);
    const fields = Object.entries(value).map(
      ([name, content]) => `${indentation}${JSON.stringify(name)} : ${prettyJson(content, depth + 1)}`,
    );
    return fields.length === 0 ? '{ }' : `{\n${fields.join(',\n')}\n${'  '.repeat(depth)}}`;
  }
  return JSON.stringify(value);
}
