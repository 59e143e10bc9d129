import { z } from 'zod';

/**
 * Schemas that read JSON as the contract's servers do, that is as Jackson does with Kotlin classes: text is
 * accepted for numbers and booleans, scalars for text, unknown fields are ignored (zod's objects drop them), and
 * null stands for a field left out. What does not fit is REQUEST_CONTENT_INVALID; the endpoint pipeline raises it.
 */

/** `"true"`, `"True"` and `"TRUE"`, as Jackson spells them; a whole number is true unless it is 0. */
export function jacksonBoolean() {
  return z.union([
    z.boolean(),
    z.int().transform((value) => value !== 0),
    z.string().transform((text, context) => {
      const value = /^\s*(?:(true|True|TRUE)|false|False|FALSE)\s*$/.exec(text);
      if (value === null) {
        context.addIssue({ code: 'custom', message: 'expected a boolean' });
        return z.NEVER;
      }
      return value[1] !== undefined;
    }),
  ]);
}

/** A whole number that JavaScript holds exactly; a fraction is cut off a number, but refused in text. */
export function jacksonInteger() {
  return z.union([
    z
      .number()
      .transform(Math.trunc)
      .refine((value) => Number.isSafeInteger(value)),
    z.string().transform((text, context) => {
      const value = /^\s*[+-]?\d{1,16}\s*$/.test(text) ? Number(text) : Number.NaN;
      if (!Number.isSafeInteger(value)) {
        context.addIssue({ code: 'custom', message: 'expected a whole number' });
        return z.NEVER;
      }
      return value;
    }),
  ]);
}

/** Text; a number or a boolean is taken as its JSON text. */
export function jacksonString() {
  return z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]);
}

/** A field that may be missing or null; both are read as `undefined`. */
export function optional<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullish().transform((value): z.output<Schema> | undefined => value ?? undefined);
}

/** A field that may be missing or null; both are read as `value`. */
export function withDefault<Schema extends z.ZodType>(schema: Schema, value: z.output<Schema>) {
  return schema.nullish().transform((given): z.output<Schema> => given ?? value);
}
