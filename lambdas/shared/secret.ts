/** Secrets that a person fills in, as JSON. Their values never get into a message. */
// As a namespace: `{ z }` brings all of zod's languages into the bundle, 370 KB.
import * as z from 'zod';
import { type ErrorCode, LabError } from '../../domain/errors.ts';

/** A field that must be there. */
export const requiredText = z.string('is missing or not text').min(1, 'is empty');

/**
 * A field that may be left out. What is left empty is absent: a console's form saves '' for a field that nobody filled in.
 *
 * @param fault what is said of a value of another type
 */
export const optional = <Value>(value: z.ZodType<Value>, fault: string) =>
  z.union([z.literal('').transform(() => undefined), value], fault).optional();

/** What `z.object` says of what is no object. */
export const notAnObject = 'is not an object';

/**
 * Reads a secret.
 *
 * @throws an error of this code, which names each field that is wrong, and no value
 */
export function parseSecret<Secret>(schema: z.ZodType<Secret>, json: string, code: ErrorCode): Secret {
  let given: unknown;
  try {
    given = JSON.parse(json);
  } catch {
    // The parser's own message quotes what it read.
    throw new LabError(code, 'not JSON');
  }
  const { success, data, error } = schema.safeParse(given);
  if (success) return data;
  const faults = error.issues.map(({ path, message }) => `${path.join('.') || 'it'} ${message}`);
  throw new LabError(code, faults.join(', '));
}
