import { type SoakOptions, soak } from '../../soak.ts';
import type { FashionLab } from '../lab.ts';
import { runOrder } from './run.ts';

/** Runs orders one after the other, each on an emptied lab. @returns whether all tables of all orders were as they must be */
export function soakFashion(fashion: FashionLab, options: SoakOptions): Promise<boolean> {
  const { signal } = options;
  return soak(
    {
      lab: 'fashion',
      runs: 'orders',
      holds: 'Every order ended in the tables that its drops alone say.',
      logs: fashion.laptop.runDirectory.logs,
      run: (seed) => runOrder(fashion, seed, { signal }),
      totals: [
        ['drops', ({ drops }) => drops],
        ['executions', ({ executions }) => executions],
        ['started again', ({ startedAgain }) => startedAgain],
        ['rows in', ({ rowsIn }) => rowsIn],
        ['loaded', ({ loaded }) => loaded],
        ['set aside', ({ setAside }) => setAside],
        ['lost', ({ lost }) => lost],
        ['twice', ({ twice }) => twice],
      ],
    },
    options,
  );
}
