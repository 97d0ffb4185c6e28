/** The secret that says where the client's SFTP server is and how to log in. */
import { createHash } from 'node:crypto';
import ssh2 from 'ssh2';
import * as z from 'zod';
import { notAnObject, optional, parseSecret, requiredText } from '../shared/secret.ts';

/** A host key that the server may show. */
export interface HostKeyPin {
  /** As OpenSSH prints it: `SHA256:` and the hash in base64 without padding. */
  fingerprint: string;
  /** `ssh-ed25519`, where a public key was given and it is known. */
  type?: string;
}

export interface SftpSecret {
  host: string;
  port: number;
  username: string;
  password?: string;
  /** PEM or OpenSSH. */
  privateKey?: string;
  passphrase?: string;
  /** One is enough; more are for the time in which the server changes its key. */
  hostKeys: readonly HostKeyPin[];
  /** Where the reports are. */
  directory: string;
}

/** SHA256 fingerprint of a public key in SSH wire format (RFC 4253 6.6), as `ssh-keygen -l` prints it. */
export function fingerprint(publicKey: Buffer): string {
  return `SHA256:${createHash('sha256').update(publicKey).digest('base64').replace(/=+$/, '')}`;
}

/** `SHA256:...`, or a public key line as in a .pub file or, with the host before it, as ssh-keyscan prints it. */
function parsePin(text: string): HostKeyPin | undefined {
  const bare = /^(SHA256:[A-Za-z0-9+/]{43})=?$/.exec(text);
  if (bare?.[1]) return { fingerprint: bare[1] };
  const line = /(?:^|\s)((?:ssh-|ecdsa-sha2-)[a-z0-9-]+)\s+([A-Za-z0-9+/]+={0,2})(?:\s|$)/.exec(text);
  if (!line?.[1] || !line[2]) return undefined;
  const key = ssh2.utils.parseKey(`${line[1]} ${line[2]}`);
  return key instanceof Error ? undefined : { fingerprint: fingerprint(key.getPublicSSH()), type: key.type };
}

const pins = z
  .union([z.string(), z.array(z.string())], 'is missing, or neither text nor a list of texts')
  .transform((given, context) => {
    const lines = [given]
      .flat()
      .flatMap((text) => text.split('\n'))
      .map((text) => text.trim())
      .filter((text) => text !== '' && !text.startsWith('#'));
    const found = lines.map(parsePin).filter((pin) => pin !== undefined);
    if (found.length === 0 || found.length < lines.length) {
      const message = 'is neither a SHA256:... fingerprint nor an OpenSSH public key line';
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
    return found;
  });

const optionalText = optional(z.string(), 'is not text');

const schema = z
  .object(
    {
      host: requiredText,
      // A console's form saves numbers as text.
      port: z
        .union([z.int(), z.string().regex(/^\d+$/).transform(Number)], 'is not a whole number')
        .default(22)
        .refine((port) => port >= 1 && port <= 65_535, 'is not from 1 to 65535'),
      username: requiredText,
      password: optionalText,
      privateKey: optionalText,
      passphrase: optionalText,
      hostKey: pins,
      directory: optionalText,
    },
    notAnObject,
  )
  .superRefine(({ password, privateKey, passphrase }, context) => {
    const issue = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (password === undefined && privateKey === undefined)
      issue('password', 'is missing, and so is privateKey');
    if (privateKey === undefined) return;
    const key = ssh2.utils.parseKey(privateKey, passphrase);
    if (key instanceof Error)
      issue('privateKey', 'cannot be read with this passphrase, or none; is it whole?');
    else if (!key.isPrivateKey()) issue('privateKey', 'is a public key');
  });

/**
 * Reads the secret.
 *
 * @throws SftpSecretInvalid, which names each field that is wrong, and no value
 */
export function parseSftpSecret(json: string): SftpSecret {
  const { hostKey, directory = '.', ...rest } = parseSecret(schema, json, 'SftpSecretInvalid');
  return { ...rest, hostKeys: hostKey, directory };
}
