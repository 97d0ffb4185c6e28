/**
 * The unprivileged user that runs PostgreSQL when we are root: `initdb` and `postgres` refuse root, and look the
 * effective uid up by name (getpwuid), so it has to be an account that exists. None is ever created.
 */
import { execFileSync } from 'node:child_process';
import { LabError } from '../../domain/errors.ts';

export interface ServiceUser {
  name: string;
  uid: number;
  gid: number;
}

/** In order: the database's own accounts (Linux, macOS), then those that every system has. */
const candidates = ['postgres', '_postgres', 'nobody', 'daemon'];

const id = (flag: '-u' | '-g', name: string): number =>
  Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));

/**
 * @returns undefined when we are not root, and simply run it ourselves
 * @throws ServiceUserMissing
 */
export function serviceUser(): ServiceUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of candidates) {
    try {
      const user = { name, uid: id('-u', name), gid: id('-g', name) };
      if (user.uid !== 0) return user;
    } catch {
      // no such account
    }
  }
  throw new LabError('ServiceUserMissing', candidates.join(', '));
}
