/**
 * What a run shows while it works: a line per step with its time, a bar where something is counted, tables.
 * Control characters go to terminals only; a log of CI holds plain lines.
 */
/** The part of a stream that is needed: `process.stdout` has it. */
export interface ProgressStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

export interface StepReport {
  /** Shows `done` of `total`; on a terminal only. */
  bar(done: number, total: number): void;
  /** What the step's line says beside its name, e.g. `18.4 on 127.0.0.1:51234`. The last one stays. */
  detail(text: string): void;
}

export interface Progress {
  /** Runs one step; a failing one prints its error in one line and is thrown on. */
  step<T>(name: string, work: (report: StepReport) => Promise<T>): Promise<T>;
  /** A line as it is. */
  line(text?: string): void;
  /** Lines that change in place on a terminal; elsewhere only the last state is printed, at the end. */
  block(): Block;
}

export interface Block {
  show(text: string): void;
  end(): void;
}

export interface ProgressOptions {
  /** @default process.stdout */
  stream?: ProgressStream;
  /** Only failing steps print. @default false */
  quiet?: boolean;
  /** Draw and redraw. @default on a terminal that is not CI's */
  animated?: boolean;
  /** Milliseconds of a steady clock. */
  now?: () => number;
}

const BAR_CELLS = 24;
const REDRAW_EVERY_MS = 80;
const DEFAULT_COLUMNS = 100;

const escapeCharacter = '\u001b';
/** Colours and cursor moves (ECMA-48, control sequences). util.stripVTControlCharacters takes letters along (Node 20). */
const escapeSequence = new RegExp(`${escapeCharacter}\\[[0-9;?]*[ -/]*[@-~]`, 'g');
const clearLine = `\r${escapeCharacter}[2K`;

/** Terminals give East Asian letters and emoji two cells, and marks that combine with the letter before them none. */
function cells(text: string): number {
  let count = 0;
  for (const character of text) {
    if (/\p{Mn}|\p{Me}|\p{Cf}/u.test(character)) continue;
    count +=
      /\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hangul}|\p{Script=Hiragana}|\p{Script=Katakana}|[\uff01-\uff60]/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return count;
}

const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - cells(text)));
const padLeft = (text: string, width: number): string => ' '.repeat(Math.max(0, width - cells(text))) + text;

/** What others say is not ours: neither line breaks nor escape sequences of theirs reach the terminal. */
function oneLine(text: string): string {
  return text
    .replaceAll(escapeSequence, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\p{Cc}/gu, '')
    .trim();
}

/** Cut to what fits on one line of the terminal: a wrapped line could not be redrawn. */
function cutToLine(text: string, columns: number): string {
  if (cells(text) < columns) return text;
  let kept = '';
  for (const character of text) {
    if (cells(kept + character) > columns - 2) break;
    kept += character;
  }
  return `${kept}…`;
}

/** `0.6 s`, `12.3 s`, `2 min 05 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

function drawBar(done: number, total: number): string {
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
  const full = Math.round(share * BAR_CELLS);
  const thousands = (count: number): string => count.toLocaleString('en-US');
  return `${'█'.repeat(full)}${'░'.repeat(BAR_CELLS - full)} ${thousands(done)}/${thousands(total)}`;
}

export function createProgress(options: ProgressOptions = {}): Progress {
  const stream = options.stream ?? process.stdout;
  const quiet = options.quiet ?? false;
  const animated = !quiet && (options.animated ?? (stream.isTTY === true && !process.env.CI));
  const now = options.now ?? (() => performance.now());
  const columns = (): number => stream.columns ?? DEFAULT_COLUMNS;

  /** The step that owns the bottom line; others of the same moment only print when they end. */
  let drawing: object | undefined;
  let drawn = '';

  function draw(text: string): void {
    drawn = cutToLine(text, columns());
    stream.write(clearLine + drawn);
  }
  /** Prints above the line that is being drawn. */
  function print(text: string): void {
    if (drawn === '') {
      stream.write(`${text}\n`);
    } else {
      stream.write(`${clearLine}${text}\n${drawn}`);
    }
  }
  function erase(owner: object): void {
    if (drawing !== owner) return;
    stream.write(clearLine);
    drawing = undefined;
    drawn = '';
  }

  return {
    line(text = '') {
      if (!quiet) print(text);
    },
    block() {
      let shown = 0;
      let last = '';
      return {
        show(text) {
          last = text;
          if (!animated) return;
          const lines = text.split('\n').map((line) => cutToLine(line, columns()));
          const back = shown > 0 ? `${escapeCharacter}[${shown}A${escapeCharacter}[0J` : '';
          stream.write(`${back}${lines.join('\n')}\n`);
          shown = lines.length;
        },
        end() {
          if (!animated && !quiet && last !== '') print(last);
        },
      };
    },
    async step(name, work) {
      const started = now();
      const owner = {};
      let lastDrawn = Number.NEGATIVE_INFINITY;
      let detail = '';
      const title = (): string => (detail === '' ? name : `${name} ${detail}`);
      if (animated && drawing === undefined) {
        drawing = owner;
        draw(`· ${title()}`);
      }
      try {
        const result = await work({
          bar(done, total) {
            if (drawing !== owner || (done < total && now() - lastDrawn < REDRAW_EVERY_MS)) return;
            lastDrawn = now();
            draw(`· ${title()} ${drawBar(done, total)}`);
          },
          detail(text) {
            detail = oneLine(text);
            if (drawing === owner) draw(`· ${title()}`);
          },
        });
        erase(owner);
        if (!quiet) print(`✓ ${title()}   ${formatDuration(now() - started)}`);
        return result;
      } catch (error) {
        erase(owner);
        const why = oneLine(error instanceof Error ? error.message : String(error));
        print(`✗ ${title()}   ${formatDuration(now() - started)}   ${why}`);
        throw error;
      }
    },
  };
}

export type Cell = string | number | bigint | null | undefined;

/**
 * Rows under headers, columns aligned: numbers right, with thousands separated; all else left.
 * null and undefined are empty cells.
 */
export function formatTable(headers: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const isNumber = (cell: Cell): boolean => typeof cell === 'number' || typeof cell === 'bigint';
  const text = (cell: Cell): string => {
    if (cell === null || cell === undefined) return '';
    return isNumber(cell) ? (cell as number).toLocaleString('en-US') : oneLine(String(cell));
  };
  const texts = rows.map((row) => headers.map((_header, column) => text(row[column])));
  const widths = headers.map((header, column) =>
    Math.max(cells(header), ...texts.map((row) => cells(row[column] ?? ''))),
  );
  const right = headers.map((_header, column) => {
    const filled = rows.map((row) => row[column]).filter((cell) => cell !== null && cell !== undefined);
    return filled.length > 0 && filled.every(isNumber);
  });
  const format = (row: readonly string[]): string =>
    row
      .map((cell, column) => (right[column] ? padLeft : pad)(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [format(headers), widths.map((width) => '─'.repeat(width)).join('  '), ...texts.map(format)].join(
    '\n',
  );
}
