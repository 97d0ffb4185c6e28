import type * as z from 'zod';
import { type ErrorCode, LabError } from '../errors.ts';

/** What a setting of JSON holds, not checked yet. Throws an error of this code where it is no JSON. */
export function jsonOf(text: string, code: ErrorCode): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LabError(code, `no JSON: ${text}`, { cause: error });
  }
}

/** Everything that is wrong with what was given, each fault behind the name of its field. */
export const faultsOf = (error: z.ZodError): string[] =>
  error.issues.map(({ path, message }) => [...path, message].join(': '));
