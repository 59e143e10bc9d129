import { readdirSync, readFileSync } from 'node:fs';
import { z } from 'zod';

/** One request and its answer. Everything that begins with `{{` or `<` is explained in `ContractRun`. */
const exchangeSchema = z.strictObject({
  name: z.string(),
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'DELETE']),
  path: z.string(),
  /** Who asks; an administrator, unless it says otherwise. */
  as: z.enum(['admin', 'viewer', 'wrong', 'stranger', 'nobody', 'token']).default('admin'),
  headers: z.record(z.string(), z.string()).default({}),
  json: z.unknown().optional(),
  text: z.string().optional(),
  form: z.object({ fields: z.record(z.string(), z.string()), file: z.unknown() }).optional(),
  status: z.number(),
  /** Of a success: the envelope's `data`. */
  data: z.unknown().optional(),
  /** Of a refusal: the envelope's code, and its text in both languages. */
  code: z.number().optional(),
  message: z.string().optional(),
  chinese: z.string().optional(),
  /** Of an answer without an envelope: the whole of it, as JSON or as text. */
  body: z.unknown().optional(),
  /** Headers that the answer has, among others. */
  answerHeaders: z.record(z.string(), z.string()).default({}),
  /** Fields of `data` that later exchanges name as `{{name}}`. */
  remember: z.record(z.string(), z.string()).default({}),
});
export type ContractExchange = z.output<typeof exchangeSchema>;

const fileSchema = z.strictObject({
  description: z.string(),
  version: z.literal(1),
  exchanges: z.array(exchangeSchema).min(1),
});
export type Contract = z.output<typeof fileSchema> & { readonly file: string };

const FOLDER = new URL('../contract/exchanges/', import.meta.url);

/** The contract as exchanges, one file for each part of it. */
export function contracts(): Contract[] {
  return readdirSync(FOLDER)
    .sort()
    .map((file) => ({
      file,
      ...fileSchema.parse(JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'))),
    }));
}

/** What `<…>` stands for in an expected answer. */
const MATCHERS: Readonly<Record<string, RegExp>> = {
  '<date>': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?$/,
  '<id>': /^[0-9a-f]{24}([0-9a-f]{8})?$/,
  '<version>': /^1\.0\.0(\+[0-9A-Za-z.-]+)?$/,
  '<text>': /./s,
};

/**
 * The values of one run of a file: `{{project}}` and the like are replaced in requests and in expected answers, and
 * `{ "$repeat": n, "of": x }` is n times x, as a text or as a list.
 */
export class ContractRun {
  readonly #values = new Map<string, string>();

  constructor(values: Readonly<Record<string, string>>) {
    this.remember(values);
  }

  remember(values: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(values)) {
      this.#values.set(`{{${name}}}`, value);
    }
  }

  text(text: string): string {
    return [...this.#values].reduce((filled, [name, value]) => filled.replaceAll(name, value), text);
  }

  value(value: unknown): unknown {
    return this.#map(value, (text) => text);
  }

  /** @param matching makes an asymmetric matcher, as the test framework has them, or returns the text. */
  expected(value: unknown, matching: (pattern: RegExp) => unknown, any: unknown): unknown {
    return this.#map(value, (text) => {
      if (text === '<anything>' || text === '<number>') {
        return any;
      }
      const pattern = MATCHERS[text];
      return pattern === undefined ? text : matching(pattern);
    });
  }

  #map(value: unknown, leaf: (text: string) => unknown): unknown {
    if (typeof value === 'string') {
      return leaf(this.text(value));
    }
    if (Array.isArray(value)) {
      return value.map((item) => this.#map(item, leaf));
    }
    if (typeof value !== 'object' || value === null) {
      return value;
    }
    const repetition = repetitionSchema.safeParse(value);
    if (repetition.success) {
      return Array.from({ length: repetition.data.$repeat }, () => repetition.data.of);
    }
    return Object.fromEntries(
      Object.entries(value).map(([name, content]) => [name, this.#map(content, leaf)]),
    );
  }
}

const repetitionSchema = z.strictObject({ $repeat: z.number(), of: z.string() });
