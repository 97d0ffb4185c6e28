import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * What is installed, as small JSON files in .local/installed/. A marker is removed before an install begins and written,
 * whole or not at all, after it has succeeded: a killed install leaves none.
 */

/** @param {string} root @param {string} name */
const markerPath = (root, name) => path.join(root, '.local', 'installed', `${name}.json`);

/**
 * @param {string} root
 * @param {string} name
 * @returns {Record<string, unknown> | undefined} undefined where there is none that can be read
 */
export function readMarker(root, name) {
  try {
    const value = JSON.parse(readFileSync(markerPath(root, name), 'utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} root @param {string} name @param {Record<string, unknown>} value */
export function writeMarker(root, name, value) {
  const file = markerPath(root, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

/** @param {string} root @param {string} name */
export function removeMarker(root, name) {
  rmSync(markerPath(root, name), { force: true });
}

/**
 * @param {string} file
 * @returns {string | undefined} the SHA-256 in hex, undefined where the file cannot be read
 */
export function sha256(file) {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return undefined;
  }
}
