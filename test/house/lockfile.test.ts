import { readFileSync } from 'node:fs';
import path from 'node:path';

interface LockedPackage {
  version?: string;
  resolved?: string;
  optionalDependencies?: Record<string, string>;
}

const file = path.resolve(import.meta.dirname, '../../package-lock.json');
const packages: Record<string, LockedPackage> = JSON.parse(readFileSync(file, 'utf8')).packages;

/** Where Node would find a package from another's folder: beside it, or in any folder above. */
function isLocked(from: string, name: string): boolean {
  const inside = from === '' ? `node_modules/${name}` : `${from}/node_modules/${name}`;
  if (packages[inside]) return true;
  if (from === '') return false;
  const above = from.lastIndexOf('/node_modules/');
  return isLocked(above < 0 ? '' : from.slice(0, above), name);
}

describe('the lockfile', () => {
  // npm leaves out what it could not fetch where the lockfile was written, and `npm ci` then refuses the whole file.
  it("holds the packages of every platform, not only the writer's", () => {
    const missing = Object.entries(packages).flatMap(([from, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !isLocked(from, name)),
    );
    expect(missing).toEqual([]);
  });

  it('names no registry', () => {
    expect(Object.values(packages).filter((locked) => locked.resolved?.startsWith('http'))).toEqual([]);
  });
});
