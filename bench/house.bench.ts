import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { formatTable, type Progress } from '../local/core/progress.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

export interface HouseFigure {
  what: string;
  command: string;
  seconds: number;
}

/**
 * What a newcomer waits for: a fresh clone of the last commit, under an empty HOME, to the first result, the same again,
 * and the tests. Absolute times, which say something about this machine only.
 */
export async function benchHouse(o: { progress: Progress; signal: AbortSignal }): Promise<HouseFigure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'house-bench-'));
  const clone = join(directory, 'clone');
  const home = join(directory, 'home');
  const env = { PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8', CI: 'true' };
  const figures: HouseFigure[] = [];
  const measure = (what: string, command: string) =>
    o.progress.step(what, async (step) => {
      const [program = '', ...args] = command.split(' ');
      const begun = performance.now();
      await run(program, args, { cwd: clone, env, signal: o.signal, maxBuffer: 64 * 1024 * 1024 });
      const seconds = (performance.now() - begun) / 1000;
      figures.push({ what, command, seconds });
      step.detail(command);
    });
  try {
    await mkdir(home);
    await run('git', ['clone', '--quiet', root, clone], { signal: o.signal });
    await measure('fresh clone to first result', 'npm start -- fashion --once');
    await measure('the same again', 'npm start -- fashion --once');
    await measure('cdk synth', 'npm run synth');
    await measure('tests', 'npm test');
    return figures;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export function houseTable(figures: readonly HouseFigure[]): string {
  return formatTable(
    ['from a fresh clone', 'command', 's'],
    figures.map(({ what, command, seconds }) => [what, command, Math.round(seconds)]),
  );
}
