import { accessSync, constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startProcess, tailOfFile } from '../../core/child-process.ts';

/** What it is called by those who package it, in the order of our liking; absolute ones are macOS's. */
const names = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Path of Chromium or Chrome: what CHROMIUM names, or the first one on PATH; undefined where there is none. */
export function findChromium(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const wanted = environment.CHROMIUM ? [environment.CHROMIUM] : names;
  const folders = (environment.PATH ?? '').split(delimiter).filter(Boolean);
  return wanted
    .flatMap((name) => (name.includes('/') ? [name] : folders.map((folder) => join(folder, name))))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface PageVisit {
  /** Path of Chromium. */
  chromium: string;
  /** Path of the page. */
  page: string;
  /** A directory that is ours alone: profile, log and screenshot go there. Removed even when we are killed. */
  directory: string;
  /** Of the window, in CSS pixels. */
  width: number;
  height: number;
  signal: AbortSignal;
}

export interface VisitedPage {
  /** The page's markup after its scripts have run. */
  dom: string;
  /** Path of a PNG, two pixels for one of CSS. */
  screenshot: string;
  /** The last lines that Chromium said, for the case that something is missing. */
  said: string;
}

/** Ten seconds of the page's own clock, which runs only while it waits for nothing. */
const budgetMs = 10_000;

/**
 * Opens a page in a Chromium without window and without network, and ends it when the page has come to rest.
 *
 * @throws LabError ProcessNotStarted; the signal's reason when aborted
 */
export async function visit({ chromium, page, directory, ...o }: PageVisit): Promise<VisitedPage> {
  o.signal.throwIfAborted();
  const screenshot = join(directory, 'screenshot.png');
  const said = join(directory, 'chromium.log');
  const args = [
    '--headless',
    // Chromium refuses to run as root with its sandbox.
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-gpu',
    '--hide-scrollbars',
    '--no-first-run',
    '--disable-breakpad',
    '--host-resolver-rules=MAP * ~NOTFOUND',
    `--user-data-dir=${join(directory, 'profile')}`,
    `--virtual-time-budget=${budgetMs}`,
    `--window-size=${o.width},${o.height}`,
    '--force-device-scale-factor=2',
    `--screenshot=${screenshot}`,
    '--dump-dom',
    pathToFileURL(page).href,
  ];
  const running = await startProcess({
    name: 'chromium',
    // Its complaints go elsewhere, so that the log is the page's markup and nothing else.
    command: 'sh',
    args: ['-c', 'exec "$0" "$@" 2> "$CHROMIUM_SAID"', chromium, ...args],
    env: { ...process.env, CHROMIUM_SAID: said },
    logFile: join(directory, 'dom.html'),
    graceMs: 1_000,
    removeWhenOrphaned: [directory],
  });
  const stop = () => void running.stop();
  o.signal.addEventListener('abort', stop);
  try {
    // Aborted while it started: nobody has heard the signal.
    if (o.signal.aborted) stop();
    await running.exited;
  } finally {
    o.signal.removeEventListener('abort', stop);
  }
  o.signal.throwIfAborted();
  return { dom: await readFile(running.logFile, 'utf8'), screenshot, said: tailOfFile(said, 3) };
}
