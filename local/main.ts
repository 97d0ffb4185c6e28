import { LabError } from '../domain/errors.ts';
import { bench } from './commands/bench.ts';
import { check } from './commands/check.ts';
import { drain } from './commands/drain.ts';
import { quarantine } from './commands/quarantine.ts';
import { replay } from './commands/replay.ts';
import { soak } from './commands/soak.ts';
import { start } from './commands/start.ts';

/**
 * The command line behind `npm start`, `npm run replay` and the others of `commands`. The launcher has installed
 * everything and holds an IPC channel to us: when it is gone, however it ended, we end too.
 */
const commands: Record<string, (args: string[], signal: AbortSignal) => Promise<number>> = {
  start,
  check,
  replay,
  drain,
  quarantine,
  bench,
  soak,
  // Imports the CDK, which takes a second: only when it is asked for.
  diagrams: async (...asked) => (await import('./commands/diagrams.ts')).diagrams(...asked),
};

const [name = '', ...args] = process.argv.slice(2);
const stopping = new AbortController();
let asked = 0;
let last = 0;
const stop = (reason: string) => {
  // One Ctrl-C arrives from the terminal, from npm and from the launcher.
  const now = Date.now();
  if (now - last > 1000) asked += 1;
  last = now;
  if (asked > 1) process.exit(130); // in haste; the tethers of the children end them all the same
  stopping.abort(reason);
};
process.on('SIGINT', () => stop('SIGINT'));
process.on('SIGTERM', () => stop('SIGTERM'));
process.on('SIGHUP', () => stop('SIGHUP'));
process.once('disconnect', () => stop('the launcher ended'));
process.channel?.unref();
process.stdout.on('error', () => stop('nobody reads')); // such as `npm start | head`

try {
  const command = commands[name];
  if (!command) throw new LabError('UsageInvalid', `there is no command ${JSON.stringify(name)}`);
  process.exitCode = await command(args, stopping.signal);
} catch (error) {
  if (stopping.signal.aborted) {
    process.exitCode = stopping.signal.reason === 'SIGTERM' ? 143 : 130;
  } else {
    const known = error instanceof LabError || (error instanceof Error && 'remedy' in error);
    process.stderr.write(
      `✗ ${known ? (error as Error).message : ((error as Error).stack ?? String(error))}\n`,
    );
    process.exitCode = 1;
  }
}
