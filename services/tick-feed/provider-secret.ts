import * as z from 'zod';
import { leftEmpty, notAnObject, parseSecret, requiredText } from '../../lambdas/shared/secret.ts';

/** What the provider knows us by. Its values never get into a message. */
export interface ProviderSecret {
  key: string;
  secret: string;
  /** Where the key is good for, if that is not what the settings say: a sandbox, or a subscription to one exchange. */
  streamUrl?: string | undefined;
  historyUrl?: string | undefined;
}

const optionalUrl = (protocol: RegExp) =>
  z.union([leftEmpty, z.url({ protocol, error: 'is no such address' })]).optional();

const schema = z.object(
  {
    key: requiredText,
    secret: requiredText,
    streamUrl: optionalUrl(/^wss?$/),
    historyUrl: optionalUrl(/^https?$/),
  },
  notAnObject,
);

/** @throws ProviderSecretInvalid, which names each field that is wrong, and no value */
export function parseProviderSecret(json: string): ProviderSecret {
  return parseSecret(schema, json, 'ProviderSecretInvalid');
}
