import * as z from 'zod';
import { LabError } from '../../domain/errors.ts';

/** What the provider knows us by. Its values never get into a message. */
export interface ProviderSecret {
  key: string;
  secret: string;
  /** Where the key is good for, if that is not what the settings say: a sandbox, or a subscription to one exchange. */
  streamUrl?: string | undefined;
  historyUrl?: string | undefined;
}

/** What is left empty is absent: a console's form saves '' for a field that nobody filled in. */
const optionalUrl = (protocol: RegExp) =>
  z
    .union([z.literal('').transform(() => undefined), z.url({ protocol, error: 'is no such address' })])
    .optional();
const requiredText = z.string('is missing or not text').min(1, 'is empty');

const schema = z.object(
  {
    key: requiredText,
    secret: requiredText,
    streamUrl: optionalUrl(/^wss?$/),
    historyUrl: optionalUrl(/^https?$/),
  },
  'is not an object',
);

/** @throws ProviderSecretInvalid, which names each field that is wrong, and no value */
export function parseProviderSecret(json: string): ProviderSecret {
  let given: unknown;
  try {
    given = JSON.parse(json);
  } catch {
    // The parser's own message quotes what it read.
    throw new LabError('ProviderSecretInvalid', 'not JSON');
  }
  const { success, data, error } = schema.safeParse(given);
  if (success) return data;
  const faults = error.issues.map(({ path, message }) => `${path.join('.') || 'it'} ${message}`);
  throw new LabError('ProviderSecretInvalid', faults.join(', '));
}
