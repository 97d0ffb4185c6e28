/**
 * Loaded into a function's process before its bundle (NODE_OPTIONS, set by function-settings.ts), for what cannot be had
 * from outside without rights: a disk that is full, a clock that is ahead, and the process's largest memory.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

const { LABS_TEST_CLOCK: clockFile, LABS_TEST_PEAKS: peaks, LABS_TEST_ROOM: roomFile } = process.env;

if (clockFile) {
  // Only what tells the time: timers keep to the true clock.
  const { now } = Date;
  Date.now = () => now() + Number(readFileSync(clockFile, 'utf8'));
}

/** On Linux maxRSS is at least that of the emulator, which made this process; elsewhere there is nothing but it. */
function peakKibibytes() {
  const status = '/proc/self/status';
  const own = existsSync(status) ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8'))?.[1] : undefined;
  return own === undefined ? process.resourceUsage().maxRSS : Number(own);
}

if (peaks) {
  const { stdout } = process;
  const write = stdout.write.bind(stdout);
  /** @param {[string]} line a line of the emulator's protocol */
  const noteAndWrite = (...line) => {
    // Before the emulator hears of an error: it then ends the process, and by force where that is not done soon.
    if (line[0].startsWith('{"status":"error"')) {
      writeFileSync(join(peaks, String(process.pid)), String(peakKibibytes()));
    }
    return write(...line);
  };
  stdout.write = noteAndWrite;
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
