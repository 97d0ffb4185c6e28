import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import { LabError } from '../../domain/errors.ts';
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
/** A websocket's has no fragment (RFC 6455, section 3). */
const optionalUrl = (protocol: RegExp) =>
  optional(
    z.url({ protocol, error: noAddress }).refine((url) => !url.includes('#'), noAddress),
    noAddress,
  );

const schema = z.object(
  {
    key: requiredText,
    secret: requiredText,
    streamUrl: optionalUrl(/^wss?$/),
    historyUrl: optionalUrl(/^https?$/),
  },
  notAnObject,
);

/** Milliseconds for one answer of Secrets Manager, its repetitions included. */
const patience = 10_000;

/**
 * Reads it from Secrets Manager.
 *
 * @throws ProviderSecretUnreadable when it does not answer, or has no value to give; ProviderSecretInvalid
 */
export async function readProviderSecret(
  client: Pick<SecretsManagerClient, 'send'>,
  arn: string,
  signal: AbortSignal,
): Promise<ProviderSecret> {
  const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
  let json: string;
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }), { abortSignal });
    json = SecretString ?? '';
  } catch (error) {
    const { name, message } = error as Error;
    throw new LabError('ProviderSecretUnreadable', `${name}: ${message}`, { cause: error });
  }
  return parseProviderSecret(json);
}

/** @throws ProviderSecretInvalid, which names each field that is wrong, and no value */
export function parseProviderSecret(json: string): ProviderSecret {
  return parseSecret(schema, json, 'ProviderSecretInvalid');
}
