import { createProgress, type Progress } from '../core/progress.ts';

/** Once it is asked to stop, steps fail because their processes are being ended: nobody needs to read that. */
export function progressUntilAborted(signal: AbortSignal): Progress {
  const { stdout } = process;
  const write = (text: string) => signal.aborted || stdout.write(text);
  return createProgress({ stream: { write, isTTY: stdout.isTTY, columns: stdout.columns } });
}

/** Rejects when it is asked to stop, for a race with the work; nobody has to wait for it. */
export function rejectedWhenAborted(signal: AbortSignal): Promise<never> {
  const aborted = new Promise<never>((_resolve, reject) => {
    const stop = () => reject(new Error(`stopped: ${signal.reason}`));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
  aborted.catch(() => undefined);
  return aborted;
}

/** To be said when everything has been stopped. */
export function sayStopped(signal: AbortSignal): void {
  if (signal.aborted) process.stdout.write('Stopped; nothing is left running.\n');
}
