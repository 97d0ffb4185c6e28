import { isMainThread } from 'node:worker_threads';

/**
 * Preloaded into programs that the launcher starts but that do not know it (jest and its workers, the CDK's CLI): when
 * the parent is gone, even by SIGKILL, the channel to it closes and the program ends as if told to.
 *
 * The listener must not keep the program alive, nor take from it the use of its own channel (jest's workers talk to
 * jest over theirs): so the one reference that listening adds is given back, and nothing is set for the channel whole.
 */
if (isMainThread && process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  const channel = /** @type {{ unrefCounted?: () => void }} */ (/** @type {unknown} */ (process.channel));
  channel.unrefCounted?.();
}
