import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';

/** Passes bytes on and hashes them on the way. `sha256()`: hexadecimal, once, after the last byte. */
export function hashingStream(): { stream: Transform; sha256(): string } {
  const hash = createHash('sha256');
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  return { stream, sha256: () => hash.digest('hex') };
}
