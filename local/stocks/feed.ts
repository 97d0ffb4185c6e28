import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FeedSettings } from '../../domain/stocks/contract.ts';
import { startProcess, type TetheredProcess } from '../core/child-process.ts';
import type { DeployedLab, Laptop } from '../laptop.ts';

/**
 * A task of the feed as a process of this machine: the same program, with the environment and the role that the template
 * gives its container. What Fargate would give it differs: where it may write, and what it is told here.
 *
 * @param name of this task, such as `feed-1`: names its log and its way through the proxy
 * @param settings that differ from the template's
 */
export async function startFeed(
  laptop: Laptop,
  lab: DeployedLab,
  name: string,
  settings: Partial<FeedSettings> = {},
): Promise<TetheredProcess> {
  const task = lab.assembly.tasks.find(({ container }) => container === 'Feed');
  if (!task) throw new Error(`stack ${lab.stack} has no container Feed`);
  const environment = Object.fromEntries(
    Object.entries(task.environment).map(([variable, value]) => [variable, resolved(lab, value)]),
  );
  const spillDirectory = join(laptop.runDirectory.path, 'spill', name);
  await mkdir(spillDirectory, { recursive: true });
  return startProcess({
    name,
    command: process.execPath,
    args: ['--import', 'tsx', 'services/tick-feed/main.ts'],
    logFile: laptop.runDirectory.logFile(name),
    graceMs: 30_000,
    env: {
      PATH: process.env.PATH,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      ...environment,
      ...(await laptop.environmentAs(lab, `${lab.stack}/${name}`, task.roleLogicalId)),
      FEED_SETTINGS: JSON.stringify({
        ...JSON.parse(environment.FEED_SETTINGS ?? '{}'),
        ...settings,
        spillDirectory,
      }),
    },
  });
}

/** A value of the template: as it is, or the physical id of what it refers to. */
function resolved(lab: DeployedLab, value: unknown): string {
  if (typeof value === 'string') return value;
  const { Ref, 'Fn::GetAtt': attribute } = value as { Ref?: string; 'Fn::GetAtt'?: [string, string] };
  const logicalId = Ref ?? attribute?.[0] ?? '';
  const id = lab.resources.get(logicalId);
  if (id === undefined) throw new Error(`stack ${lab.stack} has no resource ${logicalId}`);
  return id;
}
