/**
 * Loaded into a function's process before its bundle (NODE_OPTIONS, set by function-settings.ts), for what cannot be had
 * from outside without rights: a disk that is full, and the process's largest memory.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

const { LABS_TEST_PEAKS: peaks, LABS_TEST_ROOM: roomFile } = process.env;

if (peaks) {
  // How the emulator ends a function's process after an error, and at its own end.
  process.once('SIGTERM', () => {
    // KiB on Linux and on macOS: libuv makes them the same.
    writeFileSync(join(peaks, String(process.pid)), String(process.resourceUsage().maxRSS));
    process.exit(0);
  });
}

if (roomFile) {
  /** Bytes that were written so far. */
  let written = 0;
  const handle = await open(process.execPath);
  // The function writes through file handles to its temporary directory only.
  const prototype = Object.getPrototypeOf(handle);
  await handle.close();
  const { write } = prototype;

  /**
   * A disk without so much room says so: by the kernel's own error where there is /dev/full. The test changes the room
   * while the function runs.
   *
   * @this {unknown}
   * @param {Uint8Array} buffer
   * @param {number} offset
   */
  prototype.write = async function (buffer, offset) {
    written += buffer.byteLength - offset;
    if (written > Number(readFileSync(roomFile, 'utf8'))) {
      if (existsSync('/dev/full')) writeFileSync('/dev/full', 'x');
      const error = new Error('ENOSPC: no space left on device, write');
      throw Object.assign(error, { errno: -28, code: 'ENOSPC', syscall: 'write' });
    }
    return write.call(this, buffer, offset);
  };
}
