import { LabError } from '../../../domain/errors.ts';
import { parseSftpSecret } from '../../../lambdas/fashion/sftp-secret.ts';
import { newKeyPair } from '../../../local/outside/ssh-keys.ts';

const pair = newKeyPair('open sesame');

// GitHub's ed25519 host key and its fingerprint, as it publishes both.
const line = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
const fingerprint = 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU';
const other = `SHA256:${'A'.repeat(43)}`;

const good = { host: 'sftp.example.com', username: 'maison', password: 'hunter2', hostKey: fingerprint };
const parse = (fields: object) => parseSftpSecret(JSON.stringify({ ...good, ...fields }));

describe('a usable secret', () => {
  it('port and directory have defaults', () => {
    expect(parse({})).toEqual({
      host: 'sftp.example.com',
      port: 22,
      username: 'maison',
      password: 'hunter2',
      hostKeys: [{ fingerprint }],
      directory: '.',
    });
  });

  it('a port may be text, as a console saves it, and empty fields are absent ones', () => {
    expect(parse({ port: '2222', privateKey: '', passphrase: '', directory: '' })).toMatchObject({
      port: 2222,
      privateKey: undefined,
      directory: '.',
    });
  });

  it.each([
    ['a fingerprint with padding', `${fingerprint}=`, [{ fingerprint }]],
    ['a public key line', `${line} root@github`, [{ fingerprint, type: 'ssh-ed25519' }]],
    ['a line of ssh-keyscan', `# a comment\n[host]:2222 ${line}\n`, [{ fingerprint, type: 'ssh-ed25519' }]],
    ['several in a list', [other, line], [{ fingerprint: other }, { fingerprint, type: 'ssh-ed25519' }]],
    ['several in lines', `${other}\n${fingerprint}`, [{ fingerprint: other }, { fingerprint }]],
  ])('the host key may be %s', (_what, hostKey, expected) => {
    expect(parse({ hostKey }).hostKeys).toEqual(expected);
  });

  it('a private key is read with its passphrase', () => {
    const secret = parse({ password: undefined, privateKey: pair.private, passphrase: 'open sesame' });
    expect(secret.privateKey).toBe(pair.private);
  });
});

describe('an unusable one is refused with what is wrong', () => {
  const says = (json: string): string => {
    try {
      parseSftpSecret(json);
    } catch (error) {
      expect(error).toBeInstanceOf(LabError);
      expect((error as LabError).code).toBe('SftpSecretInvalid');
      expect((error as LabError).cause).toBeUndefined();
      return (error as LabError).value;
    }
    throw new Error('was accepted');
  };

  it.each([
    [{ host: undefined }, 'host is missing or not text'],
    [{ password: 5 }, 'password is not text'],
    [{ username: '' }, 'username is empty'],
    [{ port: 'ssh' }, 'port is not a whole number'],
    [{ port: 70_000 }, 'port is not from 1 to 65535'],
    [{ password: '' }, 'password is missing, and so is privateKey'],
    [{ hostKey: undefined }, 'hostKey is missing, or neither text nor a list of texts'],
    [{ hostKey: [] }, 'hostKey is neither a SHA256:... fingerprint nor an OpenSSH public key line'],
    [
      { hostKey: `${line.slice(0, -9)}` },
      'hostKey is neither a SHA256:... fingerprint nor an OpenSSH public key line',
    ],
    [
      { hostKey: [fingerprint, 'hunter2'] },
      'hostKey is neither a SHA256:... fingerprint nor an OpenSSH public key line',
    ],
    [{ privateKey: pair.private }, 'privateKey cannot be read with this passphrase, or none; is it whole?'],
    [{ privateKey: pair.public }, 'privateKey is a public key'],
  ])('%j', (fields, message) => {
    expect(says(JSON.stringify({ ...good, ...fields }))).toBe(message);
  });

  it('all that is wrong is named at once', () => {
    expect(says('{}')).toMatch(/host .*username .*hostKey /);
    expect(says('[]')).toBe('it is not an object');
  });

  it('no value of it is ever shown', () => {
    const secrets = ['hunter2', 'open sesame', 'b3BlbnNzaC1r'];
    const broken = [
      'hunter2',
      `{"password": "hunter2", "host": hunter2}`,
      JSON.stringify({ password: 'hunter2', hostKey: 'hunter2', port: 'hunter2', host: ['hunter2'] }),
      JSON.stringify({ ...good, privateKey: pair.private.slice(0, 200), passphrase: 'open sesame' }),
      JSON.stringify('hunter2'),
    ];
    for (const json of broken) for (const value of secrets) expect(says(json)).not.toContain(value);
  });
});
