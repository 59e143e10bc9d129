import { isDeepStrictEqual } from 'node:util';

/** DynamoDB's expressions, as far as they are used: conditions, updates and projections over plain values. */

export type Item = Record<string, unknown>;

export interface Placeholders {
  readonly names?: Readonly<Record<string, string>> | undefined;
  readonly values?: Readonly<Record<string, unknown>> | undefined;
}

type Path = readonly (string | number)[];

const TOKEN = /\s*(#\w+|:\w+|[A-Za-z_]\w*|\d+|<>|<=|>=|[=<>(),.[\]+-])/y;

class Tokens {
  readonly #tokens: string[] = [];
  #at = 0;
  readonly #placeholders: Placeholders;

  constructor(text: string, placeholders: Placeholders) {
    this.#placeholders = placeholders;
    const pattern = new RegExp(TOKEN);
    const trimmed = text.trimEnd();
    while (pattern.lastIndex < trimmed.length) {
      const match = pattern.exec(trimmed);
      if (match?.[1] === undefined) {
        throw new SyntaxError(`No expression: ${text}`);
      }
      this.#tokens.push(match[1]);
    }
  }

  peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  next(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined) {
      throw new SyntaxError('The expression ends too early');
    }
    this.#at += 1;
    return token;
  }

  /** Take the token if it is this one, in any case. */
  takes(token: string): boolean {
    const isIt = this.peek()?.toUpperCase() === token;
    this.#at += isIt ? 1 : 0;
    return isIt;
  }

  expect(token: string): void {
    if (!this.takes(token)) {
      throw new SyntaxError(`Expected ${token} and not ${this.peek()}`);
    }
  }

  path(): Path {
    const path: (string | number)[] = [this.#name(this.next())];
    for (;;) {
      if (this.takes('.')) {
        path.push(this.#name(this.next()));
      } else if (this.takes('[')) {
        path.push(Number(this.next()));
        this.expect(']');
      } else {
        return path;
      }
    }
  }

  value(token: string): unknown {
    const { values } = this.#placeholders;
    if (values === undefined || !(token in values)) {
      throw new SyntaxError(`No value for ${token}`);
    }
    return values[token];
  }

  #name(token: string): string {
    if (!token.startsWith('#')) {
      return token;
    }
    const name = this.#placeholders.names?.[token];
    if (name === undefined) {
      throw new SyntaxError(`No name for ${token}`);
    }
    return name;
  }
}

export function at(item: unknown, path: Path): unknown {
  return path.reduce(
    (value: unknown, step) =>
      value !== null && typeof value === 'object' ? Reflect.get(value, step) : undefined,
    item,
  );
}

/** Whether a condition holds for an item; for one that is not there, it is of an empty one. */
export function holds(condition: string | undefined, placeholders: Placeholders, item: Item): boolean {
  if (condition === undefined) {
    return true;
  }
  const tokens = new Tokens(condition, placeholders);
  const result = disjunction(tokens, item);
  if (tokens.peek() !== undefined) {
    throw new SyntaxError(`What is ${tokens.peek()}?`);
  }
  return result;
}

function disjunction(tokens: Tokens, item: Item): boolean {
  let result = conjunction(tokens, item);
  while (tokens.takes('OR')) {
    const other = conjunction(tokens, item);
    result = result || other;
  }
  return result;
}

function conjunction(tokens: Tokens, item: Item): boolean {
  let result = term(tokens, item);
  while (tokens.takes('AND')) {
    const other = term(tokens, item);
    result = result && other;
  }
  return result;
}

function term(tokens: Tokens, item: Item): boolean {
  if (tokens.takes('NOT')) {
    return !term(tokens, item);
  }
  if (tokens.takes('(')) {
    const result = disjunction(tokens, item);
    tokens.expect(')');
    return result;
  }
  for (const [name, test] of TESTS) {
    if (tokens.takes(name)) {
      tokens.expect('(');
      const value = at(item, tokens.path());
      const argument = tokens.takes(',') ? operand(tokens, item) : undefined;
      tokens.expect(')');
      return test(value, argument);
    }
  }
  return comparison(tokens, item);
}

const TESTS: readonly (readonly [string, (value: unknown, argument: unknown) => boolean])[] = [
  ['ATTRIBUTE_EXISTS', (value) => value !== undefined],
  ['ATTRIBUTE_NOT_EXISTS', (value) => value === undefined],
  ['BEGINS_WITH', (value, prefix) => typeof value === 'string' && value.startsWith(String(prefix))],
  [
    'CONTAINS',
    (value, part) =>
      typeof value === 'string'
        ? value.includes(String(part))
        : value instanceof Set
          ? value.has(part)
          : Array.isArray(value) && value.some((each) => isDeepStrictEqual(each, part)),
  ],
];

function comparison(tokens: Tokens, item: Item): boolean {
  const left = operand(tokens, item);
  if (tokens.takes('BETWEEN')) {
    const least = operand(tokens, item);
    tokens.expect('AND');
    const most = operand(tokens, item);
    return isOrdered(least, left, true) && isOrdered(left, most, true);
  }
  if (tokens.takes('IN')) {
    tokens.expect('(');
    const options = [operand(tokens, item)];
    while (tokens.takes(',')) {
      options.push(operand(tokens, item));
    }
    tokens.expect(')');
    return options.some((option) => left !== undefined && isDeepStrictEqual(left, option));
  }
  const comparator = tokens.next();
  const right = operand(tokens, item);
  switch (comparator) {
    case '=':
      return left !== undefined && isDeepStrictEqual(left, right);
    case '<>':
      return !isDeepStrictEqual(left, right);
    case '<':
      return isOrdered(left, right, false);
    case '<=':
      return isOrdered(left, right, true);
    case '>':
      return isOrdered(right, left, false);
    case '>=':
      return isOrdered(right, left, true);
    default:
      throw new SyntaxError(`No comparison: ${comparator}`);
  }
}

function isOrdered(left: unknown, right: unknown, orEqual: boolean): boolean {
  if (typeof left === 'number' && typeof right === 'number') {
    return left < right || (orEqual && left === right);
  }
  return (
    typeof left === 'string' && typeof right === 'string' && (left < right || (orEqual && left === right))
  );
}

function operand(tokens: Tokens, item: Item): unknown {
  const token = tokens.peek() ?? '';
  if (token.startsWith(':')) {
    return tokens.value(tokens.next());
  }
  if (tokens.takes('SIZE')) {
    tokens.expect('(');
    const size = sizeOf(at(item, tokens.path()));
    tokens.expect(')');
    return size;
  }
  if (tokens.takes('IF_NOT_EXISTS')) {
    tokens.expect('(');
    const value = at(item, tokens.path());
    tokens.expect(',');
    const otherwise = operand(tokens, item);
    tokens.expect(')');
    return value ?? otherwise;
  }
  if (tokens.takes('LIST_APPEND')) {
    tokens.expect('(');
    const left = operand(tokens, item);
    tokens.expect(',');
    const right = operand(tokens, item);
    tokens.expect(')');
    if (!Array.isArray(left) || !Array.isArray(right)) {
      throw new TypeError('list_append is for lists');
    }
    return [...left, ...right];
  }
  return at(item, tokens.path());
}

function sizeOf(value: unknown): number | undefined {
  if (typeof value === 'string') {
    return Buffer.byteLength(value);
  }
  if (Array.isArray(value)) {
    return value.length;
  }
  if (value instanceof Set) {
    return value.size;
  }
  return value !== null && typeof value === 'object' ? Object.keys(value).length : undefined;
}

/** The item as an update leaves it; every value is taken from the item as it was. */
export function updated(expression: string, placeholders: Placeholders, item: Item): Item {
  const tokens = new Tokens(expression, placeholders);
  const result = structuredClone(item);
  while (tokens.peek() !== undefined) {
    const clause = tokens.next().toUpperCase();
    do {
      const path = tokens.path();
      switch (clause) {
        case 'SET':
          tokens.expect('=');
          put(result, path, sum(tokens, item));
          break;
        case 'REMOVE':
          remove(result, path);
          break;
        case 'ADD':
          put(result, path, added(at(item, path), tokens.value(tokens.next())));
          break;
        case 'DELETE': {
          const gone = tokens.value(tokens.next());
          const present = at(item, path);
          if (!(gone instanceof Set) || !(present === undefined || present instanceof Set)) {
            throw new TypeError('DELETE is for sets');
          }
          const left = new Set([...(present ?? [])].filter((each) => !gone.has(each)));
          if (left.size === 0) {
            remove(result, path);
          } else {
            put(result, path, left);
          }
          break;
        }
        default:
          throw new SyntaxError(`No clause: ${clause}`);
      }
    } while (tokens.takes(','));
  }
  return result;
}

function sum(tokens: Tokens, item: Item): unknown {
  const left = operand(tokens, item);
  const isPlus = tokens.takes('+');
  if (!isPlus && !tokens.takes('-')) {
    if (left === undefined) {
      throw new TypeError('An operand of SET does not exist');
    }
    return left;
  }
  const right = operand(tokens, item);
  if (typeof left !== 'number' || typeof right !== 'number') {
    throw new TypeError('Only numbers are added');
  }
  return isPlus ? left + right : left - right;
}

function added(present: unknown, value: unknown): unknown {
  if (value instanceof Set) {
    return new Set([...(present instanceof Set ? present : []), ...value]);
  }
  if (typeof value !== 'number' || !(present === undefined || typeof present === 'number')) {
    throw new TypeError('ADD is for numbers and sets');
  }
  return (present ?? 0) + value;
}

function put(item: Item, path: Path, value: unknown): void {
  const parent = at(item, path.slice(0, -1));
  if (parent === null || typeof parent !== 'object') {
    throw new TypeError(`The document path ${path.join('.')} is invalid for update`);
  }
  Reflect.set(parent, path.at(-1) ?? '', structuredClone(value));
}

function remove(item: Item, path: Path): void {
  const parent = at(item, path.slice(0, -1));
  if (Array.isArray(parent)) {
    throw new SyntaxError('Elements of lists are not removed here');
  }
  if (parent !== null && typeof parent === 'object') {
    Reflect.deleteProperty(parent, path.at(-1) ?? '');
  }
}

/** The attributes that a projection names; all of them without one. */
export function projected(expression: string | undefined, placeholders: Placeholders, item: Item): Item {
  if (expression === undefined) {
    return structuredClone(item);
  }
  const tokens = new Tokens(expression, placeholders);
  const result: Item = {};
  do {
    const [name = '', ...below] = tokens.path();
    if (below.length > 0) {
      throw new SyntaxError('Only whole attributes are projected');
    }
    if (item[name] !== undefined) {
      result[name] = structuredClone(item[name]);
    }
  } while (tokens.takes(','));
  return result;
}
