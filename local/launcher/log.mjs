/**
 * What the launcher says, all of it on standard error: standard output belongs to the command (`npm run synth` prints a
 * template there). One line per step with its time; on a terminal the running step is shown as it runs, elsewhere
 * (pipes, CI) only its end.
 */

/** Whether a running step may redraw its line. */
const live = Boolean(process.stderr.isTTY) && !process.env.CI;

/**
 * A duration as people read it.
 *
 * @param {number} milliseconds
 * @returns {string} such as `340 ms`, `4.2 s`, `1 min 20 s`
 */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** @param {string} line */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * Runs one step and says how long it took; a step that throws leaves no line (its error is the line).
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(name, work) {
  const from = performance.now();
  const draw = () => process.stderr.write(`\r\x1b[K… ${name} ${duration(performance.now() - from)}`);
  const timer = live ? setInterval(draw, 500) : undefined;
  if (live) draw();
  try {
    const result = await work();
    if (live) process.stderr.write('\r\x1b[K');
    say(`✓ ${name} ${duration(performance.now() - from)}`);
    return result;
  } catch (error) {
    if (live) process.stderr.write('\r\x1b[K');
    throw error;
  } finally {
    clearInterval(timer);
  }
}
