/** One SFTP session: the requests of one client, answered from one directory that it cannot leave or change. */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir, realpath, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { posix, resolve, sep } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import ssh2, { type Connection, type FileEntry, type SFTPWrapper } from 'ssh2';
import type { SftpFaults } from './sftp-server.ts';

const { STATUS_CODE, OPEN_MODE } = ssh2.utils.sftp;

/** A larger READ is answered with this much: what every client takes (draft-ietf-secsh-filexfer-02, 3). */
const largestChunk = 32_768;
/** Names per READDIR answer, so that no answer outgrows a packet. */
const namesPerAnswer = 64;

export interface SftpSessionLog {
  request(operation: string, path: string): void;
  refuse(operation: string, path: string): void;
  /** So many more READs, or fewer, are held. */
  hold(reads: 1 | -1): void;
}

interface SftpSession {
  sftp: SFTPWrapper;
  client: Connection;
  socket: Socket;
  root: string;
  faults: SftpFaults;
  strike: (fault: keyof SftpFaults) => void;
  log: SftpSessionLog;
}

interface OpenFile {
  path: string;
  file: FileHandle;
  /** Bytes. */
  sent: number;
  readBefore: boolean;
  stalled: boolean;
}

interface OpenDirectory {
  path: string;
  entries: FileEntry[];
}

/** An answer that is a status and no error of ours. */
class Status extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const statusOfErrno: Readonly<Record<string, number>> = {
  ENOENT: STATUS_CODE.NO_SUCH_FILE,
  ENOTDIR: STATUS_CODE.NO_SUCH_FILE,
  EACCES: STATUS_CODE.PERMISSION_DENIED,
  EPERM: STATUS_CODE.PERMISSION_DENIED,
};

/** Serves until the connection ends; settles when all files of the session are closed. Never rejects. */
export function serveDirectory(session: SftpSession): Promise<void> {
  const { sftp, client, socket, root, faults, strike, log } = session;
  const files = new Map<string, OpenFile>();
  const directories = new Map<string, OpenDirectory>();
  let lastHandle = 0;
  let ended = false;

  const newHandle = (): Buffer => {
    lastHandle += 1;
    return Buffer.from(String(lastHandle));
  };
  const fileOf = (handle: Buffer): OpenFile => {
    const found = files.get(handle.toString());
    if (!found) throw new Status(STATUS_CODE.FAILURE, 'no such handle');
    return found;
  };

  /** The file on disk that a client's path means. Refuses, and notes, what would leave the root by a link. */
  const onDisk = async (operation: string, path: string, lastLinkToo = true): Promise<string> => {
    const virtual = virtualPath(path);
    const top = await realpath(root);
    const wanted = resolve(top, `.${virtual}`);
    const real =
      lastLinkToo || virtual === '/'
        ? await realpath(wanted)
        : resolve(await realpath(resolve(wanted, '..')), posix.basename(virtual));
    if (real !== top && !real.startsWith(top + sep)) {
      log.refuse(operation, path);
      throw new Status(STATUS_CODE.PERMISSION_DENIED, 'outside of the served directory');
    }
    return real;
  };

  const answer = (id: number, work: () => Promise<void>): void => {
    work().catch((error: Error & { status?: number; code?: string }) => {
      if (ended) return;
      const status = error.status ?? statusOfErrno[error.code ?? ''] ?? STATUS_CODE.FAILURE;
      sftp.status(id, status, status === STATUS_CODE.EOF ? undefined : error.message);
    });
  };
  const deny = (id: number, operation: string, path: string): void => {
    log.request(operation, path);
    log.refuse(operation, path);
    sftp.status(id, STATUS_CODE.PERMISSION_DENIED, 'this server is read-only');
  };

  sftp.on('REALPATH', (id, path) => {
    log.request('REALPATH', path);
    const filename = virtualPath(path);
    sftp.name(id, [{ filename, longname: filename, attrs: attributesOf() }]);
  });
  sftp.on('STAT', (id, path) => {
    log.request('STAT', path);
    answer(id, async () => sftp.attrs(id, attributesOf(await stat(await onDisk('STAT', path)))));
  });
  sftp.on('LSTAT', (id, path) => {
    log.request('LSTAT', path);
    answer(id, async () => sftp.attrs(id, attributesOf(await lstat(await onDisk('LSTAT', path, false)))));
  });
  sftp.on('OPENDIR', (id, path) => {
    log.request('OPENDIR', path);
    answer(id, async () => {
      const entries = await listing(await onDisk('OPENDIR', path));
      const handle = newHandle();
      directories.set(handle.toString(), { path, entries });
      sftp.handle(id, handle);
    });
  });
  sftp.on('READDIR', (id, handle) => {
    const directory = directories.get(handle.toString());
    if (!directory) return void sftp.status(id, STATUS_CODE.FAILURE, 'no such handle');
    if (directory.entries.length === 0) return void sftp.status(id, STATUS_CODE.EOF);
    log.request('READDIR', directory.path);
    sftp.name(id, directory.entries.splice(0, namesPerAnswer));
  });
  sftp.on('OPEN', (id, path, flags) => {
    if (flags !== OPEN_MODE.READ) return deny(id, 'OPEN', path);
    log.request('OPEN', path);
    answer(id, async () => {
      const file = await open(await onDisk('OPEN', path), constants.O_RDONLY | constants.O_NOFOLLOW);
      if (ended || !(await file.stat()).isFile()) {
        await file.close();
        throw new Status(STATUS_CODE.FAILURE, 'not a file');
      }
      const handle = newHandle();
      files.set(handle.toString(), { path, file, sent: 0, readBefore: false, stalled: false });
      sftp.handle(id, handle);
    });
  });
  sftp.on('FSTAT', (id, handle) => {
    answer(id, async () => {
      const { path, file } = fileOf(handle);
      log.request('FSTAT', path);
      sftp.attrs(id, attributesOf(await file.stat()));
    });
  });
  sftp.on('READ', (id, handle, offset, length) => {
    answer(id, async () => {
      const opened = fileOf(handle);
      if (!opened.readBefore) log.request('READ', opened.path);
      opened.readBefore = true;
      const wanted = Math.min(length, largestChunk);
      const { bytesRead, buffer } = await opened.file.read(Buffer.allocUnsafe(wanted), 0, wanted, offset);
      if (faults.readDelayMs > 0) await delay(faults.readDelayMs);
      if (faults.holdReads) {
        log.hold(1);
        while (faults.holdReads && !ended) await delay(2);
        log.hold(-1);
      }
      if (ended) return;
      if (bytesRead === 0) throw new Status(STATUS_CODE.EOF, 'end of file');
      const would = opened.sent + bytesRead;
      if (opened.stalled) return;
      if (faults.stallAfterBytes !== undefined && would > faults.stallAfterBytes) {
        opened.stalled = true;
        return strike('stallAfterBytes');
      }
      if (faults.dropAfterBytes !== undefined && would > faults.dropAfterBytes) {
        ended = true;
        socket.destroySoon();
        return strike('dropAfterBytes');
      }
      opened.sent = would;
      sftp.data(id, buffer.subarray(0, bytesRead));
    });
  });
  sftp.on('CLOSE', (id, handle) => {
    answer(id, async () => {
      const name = handle.toString();
      if (!directories.delete(name)) {
        const { file, path } = fileOf(handle);
        log.request('CLOSE', path);
        files.delete(name);
        await file.close();
      }
      sftp.status(id, STATUS_CODE.OK);
    });
  });

  sftp.on('WRITE', (id, handle) => deny(id, 'WRITE', files.get(handle.toString())?.path ?? ''));
  sftp.on('SETSTAT', (id, path) => deny(id, 'SETSTAT', path));
  sftp.on('FSETSTAT', (id, handle) => deny(id, 'FSETSTAT', files.get(handle.toString())?.path ?? ''));
  sftp.on('REMOVE', (id, path) => deny(id, 'REMOVE', path));
  sftp.on('MKDIR', (id, path) => deny(id, 'MKDIR', path));
  sftp.on('RMDIR', (id, path) => deny(id, 'RMDIR', path));
  sftp.on('RENAME', (id, path) => deny(id, 'RENAME', path));
  sftp.on('SYMLINK', (id, path) => deny(id, 'SYMLINK', path));
  // No extension is announced, and those that exist mostly write (posix-rename, hardlink, copy-data).
  sftp.on('EXTENDED', (id, name) => deny(id, 'EXTENDED', name));
  // A malformed packet ends the session and nothing else.
  sftp.on('error', () => socket.destroy());

  return new Promise((settle) => {
    client.on('close', () => {
      ended = true;
      Promise.allSettled([...files.values()].map(({ file }) => file.close())).then(() => settle());
    });
  });
}

/** Absolute and without `..`: above the root there is the root. */
function virtualPath(path: string): string {
  const normal = posix.normalize(`/${path}`);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

function attributesOf(stats?: Stats) {
  return {
    mode: stats?.mode ?? 0,
    uid: stats?.uid ?? 0,
    gid: stats?.gid ?? 0,
    size: stats?.size ?? 0,
    atime: Math.floor((stats?.atimeMs ?? 0) / 1000),
    mtime: Math.floor((stats?.mtimeMs ?? 0) / 1000),
  };
}

/** All of a directory but dot-files, which is where a file is written before it is renamed into view. */
async function listing(directory: string): Promise<FileEntry[]> {
  const names = (await readdir(directory)).filter((name) => !name.startsWith('.')).sort();
  const entries: FileEntry[] = [];
  for (const filename of names) {
    // One that went away meanwhile is not listed.
    const stats = await lstat(resolve(directory, filename)).catch(() => undefined);
    if (stats) entries.push({ filename, longname: longName(filename, stats), attrs: attributesOf(stats) });
  }
  return entries;
}

/** A line as of `ls -l`: clients read the kind of file from its first letter. */
function longName(name: string, stats: Stats): string {
  const kind = stats.isDirectory() ? 'd' : stats.isSymbolicLink() ? 'l' : '-';
  const rights = [...'rwxrwxrwx'].map((letter, bit) => (stats.mode & (0o400 >> bit) ? letter : '-')).join('');
  const when = stats.mtime.toISOString().slice(0, 16).replace('T', ' ');
  return `${kind}${rights} 1 ${stats.uid} ${stats.gid} ${stats.size} ${when} ${name}`;
}
