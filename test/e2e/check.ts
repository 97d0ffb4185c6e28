import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CheckOptions, check } from '../../local/commands/check.ts';
import { deferred } from '../../local/core/deferred.ts';
import { createProgress } from '../../local/core/progress.ts';
import type { DrivenLab } from '../../local/driven-lab.ts';
import { writeSession } from '../../local/session.ts';

/** What a run of the command printed: a line of its table by what is looked at. */
export interface CheckRun {
  code: number;
  text: string;
  /** Sign and what was found. Throws where there is no such line */
  line(what: string): string;
}

export interface CheckCommand {
  run(options?: string[], o?: CheckOptions): Promise<CheckRun>;
  /** Resolves when a run waits for the next of what comes in. */
  follows(): Promise<void>;
  remove(): Promise<void>;
}

/** The command on a lab of a laptop, as on one that `npm start` left up. */
export async function checkCommand(
  name: string,
  { laptop, lab }: Pick<DrivenLab, 'laptop' | 'lab'>,
): Promise<CheckCommand> {
  const waiting = deferred<void>();
  const sessions = await mkdtemp(join(tmpdir(), 'sessions-'));
  const path = join(sessions, 'run');
  await mkdir(path);
  writeSession({ ...laptop, runDirectory: { ...laptop.runDirectory, path } }, [
    { name, ok: true, deployed: lab, connect: [] },
  ]);
  return {
    run: async (options = [], o = {}) => {
      let text = '';
      const write = (part: string) => {
        text += part;
      };
      const printed = createProgress({ animated: false, stream: { write } });
      const block = () => {
        const shown = printed.block();
        return {
          ...shown,
          show: (table: string) => {
            if (/· .*waits for/.test(table)) waiting.resolve();
            shown.show(table);
          },
        };
      };
      const progress = { ...printed, block };
      const signal = new AbortController().signal;
      const code = await check([name, ...options], signal, {
        progress,
        sessions,
        ask: async () => undefined,
        ...o,
      });
      return {
        code,
        text,
        line: (what) => {
          const line = text.split('\n').find((each) => /^[✓✗–]/.test(each) && each.slice(3).startsWith(what));
          if (!line) throw new Error(`no line ${what} in\n${text}`);
          return `${line[0]} ${line.slice(3 + what.length).trim()}`;
        },
      };
    },
    follows: () => waiting.promise,
    remove: () => rm(sessions, { recursive: true }),
  };
}

/** Signs of the lines, in their order. */
export const signs = ({ text }: CheckRun): string =>
  text
    .split('\n\n')[0]
    ?.split('\n')
    .slice(2)
    .map((line) => line[0])
    .join('') ?? '';
