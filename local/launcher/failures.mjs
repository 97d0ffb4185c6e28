/**
 * What can keep a command from starting, by code, in the form of domain/errors.ts (which is TypeScript and cannot be
 * read before the packages are installed). The user sees one line: code, message with the value, remedy.
 *
 * @typedef {{ message: (value: string) => string, remedy: string }} FailureRow
 */

/** @satisfies {Record<string, FailureRow>} */
const table = {
  UnknownCommand: {
    message: (v) => `there is no command ${v}`,
    remedy: 'see "scripts" in package.json',
  },
  PlatformUnsupported: {
    message: (v) => `the laptop run does not work on ${v}`,
    remedy: 'use Linux, macOS, or Windows by WSL',
  },
  PythonMissing: {
    message: (v) => `no Python 3.10 or later: ${v}`,
    remedy:
      'install Python 3.10 or later (Debian: apt-get install python3 python3-venv), or name one in LABS_PYTHON',
  },
  PythonHasNoVenv: {
    message: (v) => `python ${v} has no venv module`,
    remedy: 'apt-get install python3-venv, or name another Python in LABS_PYTHON',
  },
  DiskFull: {
    message: (v) => `not enough disk space: ${v}`,
    remedy: 'free at least 1.5 GB and run the command again',
  },
  FolderNotWritable: {
    message: (v) => `cannot write in the clone: ${v}`,
    remedy: 'run as the user who owns the clone, or clone again as this user',
  },
  RegistryUnreachable: {
    message: (v) => `the package registry cannot be reached: ${v}`,
    remedy: 'check the network and the proxy settings, and run the command again',
  },
  InstallFailed: {
    message: (v) => `installing failed: ${v}`,
    remedy: 'read that log, and run the command again',
  },
  ProgramMissing: {
    message: (v) => `cannot be started: ${v}`,
    remedy: 'delete node_modules and run the command again',
  },
};

/** @typedef {keyof typeof table} FailureCode */

/** The table as plain rows. @type {Readonly<Record<FailureCode, FailureRow>>} */
export const failureTable = table;

/** A failure of the table; its message is the one line that the user sees. */
export class LaunchFailure extends Error {
  /**
   * @param {FailureCode} code
   * @param {string} value what was found, as it was found
   * @param {ErrorOptions} [options]
   */
  constructor(code, value, options) {
    const row = failureTable[code];
    super(`${code}: ${row.message(value)}; ${row.remedy}`, options);
    this.name = code;
    this.code = code;
  }
}

/**
 * The table's row for an error of the file system, or the error itself where the table has none.
 *
 * @param {unknown} error
 * @returns {unknown}
 */
export function fromFileSystem(error) {
  if (!(error instanceof Error) || error instanceof LaunchFailure) return error;
  const code = /** @type {NodeJS.ErrnoException} */ (error).code ?? '';
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new LaunchFailure('DiskFull', error.message, { cause: error });
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new LaunchFailure('FolderNotWritable', error.message, { cause: error });
  }
  return error;
}
