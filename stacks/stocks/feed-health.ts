import { Duration } from 'aws-cdk-lib';
import type { HealthCheck } from 'aws-cdk-lib/aws-ecs';
import { heartbeatFile, heartbeatTooOldMs } from '../../domain/stocks/contract.ts';

/**
 * Ends with 0 while the heartbeat of the program beside it is young. The image has Node and no shell tool to ask with; the
 * directory is in the environment that a health check shares with its container. A clock that was set back makes the file one
 * of the future, which is as wrong as an old one.
 */
const script = [
  `const file = JSON.parse(process.env.FEED_SETTINGS).spillDirectory + '/${heartbeatFile}'`,
  "const age = Date.now() - require('node:fs').statSync(file).mtimeMs",
  `process.exit(Math.abs(age) < ${heartbeatTooOldMs} ? 0 : 1)`,
].join('; ');

/**
 * Whether the event loop of a task turns; ECS replaces a task in which it does not (API reference, HealthCheck). A standby,
 * and a feed that waits for its login, for the provider or for its table, are healthy: their replacements would wait, too.
 *
 * An active feed that hangs has lost its lease long before: this is for there to be a second task again.
 */
export const feedHealthCheck: HealthCheck = {
  command: ['CMD', 'node', '-e', script],
  // Each look starts a Node, some 0.1 s of the task's half processor, so not the 5 s that ECS would allow. A deployment waits
  // for the first one.
  interval: Duration.seconds(15),
  // A task that fills a gap leaves it little of the processor.
  timeout: Duration.seconds(10),
  retries: 3,
  // Of the program's own start, in which it has no heartbeat yet.
  startPeriod: Duration.seconds(60),
};
