/** SSH key pairs for the laptop and its tests. */
import ssh2 from 'ssh2';

export interface SshKeyPair {
  /** An OpenSSH private key. */
  private: string;
  /** A public key line. */
  public: string;
}

/**
 * A new ed25519 pair in OpenSSH's formats.
 *
 * ssh2 cuts a leading zero byte off such keys, so that one pair in 250 cannot be read back (mscdex/ssh2#1390, #1513,
 * seen with 1.17.0): those are thrown away.
 */
export function newKeyPair(passphrase?: string): SshKeyPair {
  for (;;) {
    const pair =
      passphrase === undefined
        ? ssh2.utils.generateKeyPairSync('ed25519')
        : // Of the key derivation; OpenSSH's 16 take a second each time the key is read by ssh2, for a key that guards nothing.
          ssh2.utils.generateKeyPairSync('ed25519', { passphrase, cipher: 'aes256-ctr', rounds: 2 });
    const halves = [ssh2.utils.parseKey(pair.private, passphrase), ssh2.utils.parseKey(pair.public)];
    if (!halves.some((half) => half instanceof Error)) return pair;
  }
}
