import ssh2 from 'ssh2';
import { newKeyPair } from '../../../local/outside/ssh-keys.ts';

it('every pair can be read back', () => {
  for (let pair = 0; pair < 500; pair += 1) {
    const { private: secret, public: open } = newKeyPair();
    expect(ssh2.utils.parseKey(secret)).not.toBeInstanceOf(Error);
    expect(ssh2.utils.parseKey(open)).not.toBeInstanceOf(Error);
  }
});

it('a pair with a passphrase is read with it alone', () => {
  const pair = newKeyPair('open sesame');
  expect(ssh2.utils.parseKey(pair.private, 'open sesame')).not.toBeInstanceOf(Error);
  expect(ssh2.utils.parseKey(pair.private)).toBeInstanceOf(Error);
});
