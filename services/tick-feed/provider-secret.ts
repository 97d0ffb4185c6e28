import * as z from 'zod';
import { notAnObject, optional, parseSecret, requiredText } from '../../lambdas/shared/secret.ts';

/** What the provider knows us by. Its values never get into a message. */
export interface ProviderSecret {
  key: string;
  secret: string;
  /** Where the key is good for, if that is not what the settings say: a sandbox, or a subscription to one exchange. */
  streamUrl?: string | undefined;
  historyUrl?: string | undefined;
}

const noAddress = 'is no such address';
const optionalUrl = (protocol: RegExp) => optional(z.url({ protocol, error: noAddress }), noAddress);

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
