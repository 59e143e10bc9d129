import { z } from 'zod';

/** Metadata of a node as it goes to a remote, by the two ways there are. */
export interface MetadataParts {
  /** Fields of an upload's form. */
  readonly form: readonly (readonly [key: string, value: string])[];
  /** What the form would not bring through: for `metadata/save`, after the upload. */
  readonly json: Readonly<Record<string, unknown>>;
}

/**
 * Keys that survive as `metadata[key]` in the form: not empty, and without the characters that end or change the
 * field's name on its way (quotes, brackets, backslashes, control characters, blanks at the ends).
 */
const FORM_KEY = /^(?!\s)[^\p{Cc}"'[\]\\]+(?<!\s)$/u;

/**
 * Metadata without its null values. bk-repo cannot hold one (it answers 500 to it), so none is at the source: where
 * one turns up all the same it is left out rather than losing the node with it.
 */
export function withoutNulls(metadata: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(metadata).filter(([, value]) => value !== null && value !== undefined),
  );
}

const formValue = z
  .string()
  .min(1)
  .refine((value) => value.isWellFormed());

/** Part metadata into what an upload's form carries faithfully and the rest. Null values are in neither. */
export function partMetadata(metadata: Readonly<Record<string, unknown>>): MetadataParts {
  const form: [string, string][] = [];
  const json: [string, unknown][] = [];
  for (const [key, value] of Object.entries(withoutNulls(metadata))) {
    const text = formValue.safeParse(value);
    if (text.success && FORM_KEY.test(key) && key.isWellFormed()) {
      form.push([key, text.data]);
    } else {
      json.push([key, value]);
    }
  }
  return { form, json: Object.fromEntries(json) };
}
