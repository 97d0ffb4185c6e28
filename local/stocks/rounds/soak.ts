import { type SoakOptions, soak } from '../../soak.ts';
import type { StocksLab } from '../lab.ts';
import { Rounds } from './round.ts';

/** Runs rounds one after the other, which share the lab's states. @returns whether all were as they must be */
export async function soakStocks(lab: StocksLab, options: SoakOptions): Promise<boolean> {
  const { signal } = options;
  const rounds = new Rounds(lab);
  try {
    return await soak(
      {
        lab: 'stocks',
        runs: 'rounds',
        holds:
          'After every round each trade was in the archive and in SQL, once, with the trend that the rule gives it.',
        untilFirst: true,
        logs: lab.laptop.runDirectory.logs,
        run: (seed) => rounds.run(seed, signal),
        totals: [
          ['ticks', ({ ticks }) => ticks],
          ['set aside', ({ setAside }) => setAside],
          ['lost', ({ lost }) => lost],
          ['twice', ({ twice }) => twice],
          ['not by the rule', ({ differences }) => differences.length],
        ],
      },
      options,
    );
  } finally {
    rounds.close();
  }
}
