/**
 * Reading from the client's SFTP server: log in with the pinned host key, list, read. Nothing here can write: the
 * server is the client's, and the collector leaves it as it found it.
 */
import { connect, type Socket } from 'node:net';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import type { SFTPWrapper } from 'ssh2';
import SftpClient from 'ssh2-sftp-client';
import { LabError } from '../../domain/errors.ts';
import { fingerprint, type HostKeyPin, type SftpSecret } from './sftp-secret.ts';

export { type HostKeyPin, parseSftpSecret, type SftpSecret } from './sftp-secret.ts';

export interface RemoteFile {
  path: string;
  name: string;
  /** Bytes. */
  size: number;
  /** Milliseconds since 1970; SFTP version 3 knows whole seconds. */
  modifiedAt: number;
}

export interface SftpOptions {
  /** From the first packet to being logged in, ms. @default 20000 */
  readyTimeoutMs?: number;
  /** How long the server may leave all open requests without any answer, ms. @default 30000 */
  stallTimeoutMs?: number;
  /** Ends the connection, and with it everything that waits for it. */
  signal?: AbortSignal;
}

/** One connection. Every error of it is a LabError; after one that concerns the connection nothing more works. */
export interface SftpSource {
  /**
   * The files of the secret's directory whose name matches, by name.
   *
   * @throws SftpPathRefused, SftpTransferBroken
   */
  list(pattern: RegExp): Promise<RemoteFile[]>;
  /** @throws SftpPathRefused, SftpTransferBroken */
  stat(path: string): Promise<RemoteFile>;
  /**
   * The file's bytes, all of them or an error: SftpPathRefused, SftpTransferBroken, and SftpFileChanged when size or
   * modification time differ at the end from the beginning, or at the beginning from `expected`.
   */
  read(path: string, expected?: Pick<RemoteFile, 'size' | 'modifiedAt'>): Readable;
}

/** What every server answers whole (draft-ietf-secsh-filexfer-02, 3), bytes. */
const chunkBytes = 32_768;
/** READs under way at a time: with one, each 32 KB would cost a round trip to the client's server. */
const readsAhead = 16;

/** The host key algorithms we accept, in the order we prefer: those of OpenSSH, none of which signs with SHA-1. */
const hostKeyAlgorithms = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;

/**
 * Connects, hands the connection to `use`, and ends it whatever happens.
 *
 * The host key is compared before anything of the secret, the user name included, goes to the server.
 *
 * @throws SftpUnreachable, SftpHostKeyMismatch, SftpLoginRefused, and what `use` throws
 */
export async function withSftp<T>(
  secret: SftpSecret,
  options: SftpOptions,
  use: (source: SftpSource) => Promise<T>,
): Promise<T> {
  const { readyTimeoutMs = 20_000, stallTimeoutMs = 30_000, signal } = options;
  const server = `${secret.host}:${secret.port}`;
  if (signal?.aborted) throw new LabError('SftpUnreachable', `${server}: given up before connecting`);

  // A socket of our own: ssh2-sftp-client's end() leaves the connection open when it was not yet logged in.
  const socket = connect({ host: secret.host, port: secret.port, noDelay: true });
  const line = new Line(socket);
  const client = new SftpClient('collector', { error: () => {}, end: () => {}, close: () => {} });
  let presented: string | undefined;
  let connected = false;
  client.on('error', (error: Error & { level?: string }) => {
    if (presented !== undefined)
      line.lose(new LabError('SftpHostKeyMismatch', `${server} shows ${presented}`));
    else if (isLoginRefusal(error)) line.lose(new LabError('SftpLoginRefused', secret.username));
    else if (connected) line.lose(new LabError('SftpTransferBroken', error.message, { cause: error }));
    else line.lose(new LabError('SftpUnreachable', `${server}: ${error.message}`, { cause: error }));
  });
  const closed = (): void => {
    if (connected) line.lose(new LabError('SftpTransferBroken', 'the server ended the connection'));
    else line.lose(new LabError('SftpUnreachable', `${server}: the server ended the connection`));
  };
  client.on('close', closed);
  client.on('end', closed);
  client.on('keyboard-interactive', (_name, _instructions, _language, prompts: unknown[], finish) => {
    finish(prompts.map(() => secret.password ?? ''));
  });
  const giveUp = (): void => {
    const code = connected ? 'SftpTransferBroken' : 'SftpUnreachable';
    line.lose(new LabError(code, `${server}: given up by the caller`, { cause: signal?.reason }));
  };
  signal?.addEventListener('abort', giveUp);

  try {
    const waited = `${server}: no login within ${readyTimeoutMs} ms`;
    const sftp = await line.within(readyTimeoutMs, new LabError('SftpUnreachable', waited), () =>
      client.connect({
        sock: socket,
        username: secret.username,
        password: secret.password,
        privateKey: secret.privateKey,
        passphrase: secret.passphrase,
        // Some servers take passwords by this method only (those that leave them to PAM).
        tryKeyboard: secret.password !== undefined,
        readyTimeout: 0,
        algorithms: { serverHostKey: preferPinned(secret.hostKeys) },
        hostVerifier: (key: Buffer) => {
          const shown = fingerprint(key);
          if (secret.hostKeys.some((pin) => pin.fingerprint === shown)) return true;
          presented = shown;
          return false;
        },
      }),
    );
    connected = true;
    line.stallTimeoutMs = stallTimeoutMs;
    return await use(sourceOn(line, client, sftp, secret.directory));
  } finally {
    signal?.removeEventListener('abort', giveUp);
    // Says goodbye, for the server's log; nobody waits for the server to agree.
    if (connected) client.end().catch(() => {});
    line.lose(new LabError('SftpTransferBroken', 'the connection was ended by us'));
  }
}

const isLoginRefusal = (error: Error & { level?: string }): boolean =>
  error.level === 'client-authentication' || /authentication failures/i.test(error.message);

/** A server with several host keys shows the first kind that we ask for: ask for the kinds that are pinned. */
function preferPinned(pins: readonly HostKeyPin[]): (typeof hostKeyAlgorithms)[number][] {
  const isPinned = (algorithm: string): boolean =>
    pins.some(({ type }) => type === algorithm || (type === 'ssh-rsa' && algorithm.startsWith('rsa-')));
  return [
    ...hostKeyAlgorithms.filter(isPinned),
    ...hostKeyAlgorithms.filter((algorithm) => !isPinned(algorithm)),
  ];
}

/** The fate of one connection: once it is lost, everything that waits for it fails with the reason. */
class Line {
  stallTimeoutMs = 0;
  readonly #socket: Socket;
  readonly #waiting = new Set<(reason: LabError) => void>();
  #lost: LabError | undefined;
  #stall: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** The first reason counts. Ends the connection. */
  lose(reason: LabError): void {
    this.#lost ??= reason;
    clearTimeout(this.#stall);
    for (const fail of this.#waiting) fail(this.#lost);
    this.#waiting.clear();
    this.#socket.destroy();
  }

  /** Waits for one thing, so long and no longer. */
  async within<T>(ms: number, late: LabError, start: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.lose(late), ms);
    try {
      return await this.#orLost(start);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits for the answer to a request, as long as any request is being answered now and then. */
  async answer<T>(what: string, start: () => Promise<T>): Promise<T> {
    if (this.#waiting.size === 0) this.#watch();
    try {
      return await this.#orLost(start);
    } catch (error) {
      throw this.#lost ?? asLabError(what, error);
    } finally {
      if (this.#waiting.size === 0) clearTimeout(this.#stall);
      else this.#stall?.refresh();
    }
  }

  #watch(): void {
    clearTimeout(this.#stall);
    const reason = `no answer for ${this.stallTimeoutMs} ms`;
    this.#stall = setTimeout(
      () => this.lose(new LabError('SftpTransferBroken', reason)),
      this.stallTimeoutMs,
    );
  }

  #orLost<T>(start: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(this.#lost);
      const fail = (reason: LabError): void => reject(reason);
      this.#waiting.add(fail);
      // Async, so that what throws at once fails like what fails later.
      (async () => start())()
        .finally(() => this.#waiting.delete(fail))
        .then(resolve, (error) => reject(this.#lost ?? error));
    });
  }
}

/** SFTP status codes that are about the path (draft-ietf-secsh-filexfer-02, 7), and what ssh2-sftp-client makes of them. */
const pathCodes: readonly unknown[] = [2, 3, 'ERR_NOT_EXIST', 'ENOENT', 'EACCES'];

function asLabError(what: string, error: unknown): LabError {
  if (error instanceof LabError) return error;
  const { message, code } = error as Error & { code?: unknown };
  const kind = pathCodes.includes(code) ? 'SftpPathRefused' : 'SftpTransferBroken';
  return new LabError(kind, `${what}: ${message}`, { cause: error });
}

function sourceOn(line: Line, client: SftpClient, sftp: SFTPWrapper, directory: string): SftpSource {
  return {
    async list(pattern) {
      const found = await line.answer(`list ${directory}`, () => client.list(directory));
      return found
        .filter(({ type, name }) => type !== 'd' && type !== 'l' && name.match(pattern) !== null)
        .map(({ name, size, modifyTime }) => ({
          path: posix.join(directory, name),
          name,
          size,
          modifiedAt: modifyTime,
        }))
        .sort((one, other) => (one.name < other.name ? -1 : 1));
    },
    async stat(path) {
      const { size, modifyTime } = await line.answer(`stat ${path}`, () => client.stat(path));
      return { path, name: posix.basename(path), size, modifiedAt: modifyTime };
    },
    read: (path, expected) => Readable.from(contents(line, sftp, path, expected), { objectMode: false }),
  };
}

type Look = Pick<RemoteFile, 'size' | 'modifiedAt'>;

async function* contents(
  line: Line,
  sftp: SFTPWrapper,
  path: string,
  expected?: Look,
): AsyncGenerator<Buffer> {
  const ask = <T>(start: (done: (error: Error | null | undefined, value: T) => void) => void): Promise<T> =>
    line.answer(
      `read ${path}`,
      () =>
        new Promise<T>((resolve, reject) =>
          start((error, value) => (error ? reject(error) : resolve(value))),
        ),
    );
  const look = async (): Promise<Look> => {
    const { size, mtime } = await ask<{ size: number; mtime: number }>((done) => sftp.fstat(handle, done));
    return { size, modifiedAt: mtime * 1000 };
  };
  const unchanged = (before: Look, now: Look): void => {
    if (before.size === now.size && before.modifiedAt === now.modifiedAt) return;
    throw new LabError('SftpFileChanged', `${path}: was ${show(before)}, is ${show(now)}`);
  };
  /** A server may answer with less than was asked for, and say nothing of the rest. Shorter only at the end of the file. */
  const chunkAt = async (position: number, length: number): Promise<Buffer> => {
    const chunk = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const from = filled;
      const bytes = await ask<number>((done) =>
        sftp.read(handle, chunk, from, length - from, position + from, done),
      );
      if (bytes === 0) break;
      filled += bytes;
    }
    return chunk.subarray(0, filled);
  };

  const handle = await ask<Buffer>((done) => sftp.open(path, 'r', done));
  try {
    const before = await look();
    if (expected) unchanged(expected, before);
    const ahead: Promise<Buffer>[] = [];
    let asked = 0;
    let read = 0;
    while (read < before.size) {
      while (asked < before.size && ahead.length < readsAhead) {
        const length = Math.min(chunkBytes, before.size - asked);
        const chunk = chunkAt(asked, length);
        // Those behind the first that fails fail too, and nobody waits for them.
        chunk.catch(() => {});
        ahead.push(chunk);
        asked += length;
      }
      const due = Math.min(chunkBytes, before.size - read);
      const chunk = (await ahead.shift()) as Buffer;
      read += chunk.length;
      if (chunk.length < due) {
        unchanged(before, await look());
        throw new LabError('SftpTransferBroken', `${path}: ended after ${read} of ${before.size} bytes`);
      }
      yield chunk;
    }
    unchanged(before, await look());
  } finally {
    // The connection's end closes it as well: a failure here changes nothing, and must not hide the reason.
    await ask<void>((done) => sftp.close(handle, (error) => done(error, undefined))).catch(() => {});
  }
}

const show = ({ size, modifiedAt }: Look): string => `${size} bytes of ${new Date(modifiedAt).toISOString()}`;
