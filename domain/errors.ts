/**
 * The one table of what can go wrong, by code. Handlers, the command line and the tests name errors by these codes;
 * the state machines match on them (a Lambda error's `name` is its code).
 *
 * - `refused`: the input can never succeed as it is; retrying is pointless, a person has to look.
 * - `transient`: the same call may succeed later; retry it.
 * - `setup`: the machine or the installation is not ready; the message says what to do.
 *
 * `message` is lower case and shows the value received; `remedy` says what to do.
 */
export interface ErrorRow {
  kind: 'refused' | 'transient' | 'setup';
  message: (value: string) => string;
  remedy: string;
}

const table = {
  // --- the SFTP server ---
  SftpUnreachable: {
    kind: 'transient',
    message: (v) => `sftp server cannot be reached: ${v}`,
    remedy: 'check host and port in the secret, and that the server allows connections from AWS',
  },
  SftpHostKeyMismatch: {
    kind: 'refused',
    message: (v) => `sftp server presents a host key that is not the pinned one: ${v}`,
    remedy: 'ask the client over another channel; only then put the new SHA256 fingerprint into the secret',
  },
  SftpLoginRefused: {
    kind: 'refused',
    message: (v) => `sftp server refuses the login of user ${v}`,
    remedy: 'check user, password or private key in the secret',
  },
  SftpSecretInvalid: {
    kind: 'refused',
    message: (v) => `the sftp secret is not usable: ${v}`,
    remedy: 'fill in host, port, username, hostKey and one of password or privateKey',
  },
} satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof table;

/** The table as plain rows, for those who list codes (state machines, documentation). */
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = table;

/** Codes of one kind, sorted. */
export function errorCodes(kind: ErrorRow['kind']): ErrorCode[] {
  return (Object.keys(table) as ErrorCode[]).filter((code) => errorTable[code].kind === kind).sort();
}

/** An error of the table. `name` equals `code`, so that Step Functions and log queries can match on it. */
export class LabError extends Error {
  readonly code: ErrorCode;
  readonly value: string;
  readonly remedy: string;

  constructor(code: ErrorCode, value: string, options?: { cause?: unknown }) {
    const row = errorTable[code];
    super(`${code}: ${row.message(value)}; ${row.remedy}`, options);
    this.name = code;
    this.code = code;
    this.value = value;
    this.remedy = row.remedy;
  }
}
