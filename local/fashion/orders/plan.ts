import { type Random, randomOf } from '../../outside/random.ts';
import type { MadeDrop } from './client.ts';
import { type FaultName, faultNames, needsSftp } from './faults.ts';

/** How a drop comes to the lab, or comes again. Drops by their place in the client's order. */
export type Action =
  /** The client's file is on the SFTP server and the schedule fires, or somebody puts it into the archive. */
  | { what: 'arrives'; drop: number; by: 'sftp' | 'archive' }
  /** Its archived workbook is put where it is: the archive tells it once more. */
  | { what: 'is put back'; drop: number }
  /** The event of its arrival is delivered once more. */
  | { what: 'is told again'; drop: number }
  | { what: 'is replayed'; drop: number; from: 'xlsx' | 'csv' };

/** Actions that begin at the same time, and the faults that may strike meanwhile. All ends before the next group begins. */
export interface Group {
  actions: Action[];
  faults: FaultName[];
}

/**
 * An order in which ten drops come to the lab, from a seed.
 *
 * @param permutation another order of the same drops, without faults from 1 on
 */
export function makePlan(seed: number, drops: readonly MadeDrop[], permutation = 0): Group[] {
  const random = randomOf(seed, `order ${permutation}`);
  const arriving = shuffled(random, [...drops.keys()]);
  const arrived: number[] = [];
  /** What each path on the SFTP server holds. */
  const served = new Map<string, string>();
  const groups: Group[] = [];
  while (arriving.length > 0) {
    const together = arriving.splice(0, random.integer(1, 4));
    const paths = new Set<string>();
    const actions = together.map((index): Action => {
      const { fileName, sha256 } = drops[index] as MadeDrop;
      // A server has one file under one name; and one that is only touched is no new report.
      const canServe = !paths.has(fileName) && served.get(fileName) !== sha256;
      const by = canServe && random.chance(0.5) ? 'sftp' : 'archive';
      if (by === 'sftp') {
        paths.add(fileName);
        served.set(fileName, sha256);
      }
      return { what: 'arrives', drop: index, by };
    });
    if (arrived.length > 0 && random.chance(0.7)) actions.push(again(random, random.pick(arrived), drops));
    arrived.push(...together);
    groups.push({
      actions: shuffled(random, actions),
      faults: permutation === 0 ? faultsOf(random, actions) : [],
    });
  }
  return groups;
}

function again(random: Random, drop: number, drops: readonly MadeDrop[]): Action {
  const isReadable = drops[drop]?.content.refused === undefined;
  return random.pick<Action>([
    { what: 'is put back', drop },
    { what: 'is told again', drop },
    ...(isReadable
      ? ([
          { what: 'is replayed', drop, from: 'xlsx' },
          { what: 'is replayed', drop, from: 'csv' },
        ] as const)
      : []),
  ]);
}

function faultsOf(random: Random, actions: readonly Action[]): FaultName[] {
  const hasSftp = actions.some((action) => action.what === 'arrives' && action.by === 'sftp');
  const possible = faultNames.filter((name) => hasSftp || !needsSftp(name));
  const count = random.pick([0, 1, 1, 2]);
  return [...new Set(Array.from({ length: count }, () => random.pick(possible)))];
}

function shuffled<T>(random: Random, from: readonly T[]): T[] {
  const left = [...from];
  const taken: T[] = [];
  while (left.length > 0) taken.push(...left.splice(random.integer(0, left.length - 1), 1));
  return taken;
}
