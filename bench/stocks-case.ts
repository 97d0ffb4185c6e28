import { readFileSync } from 'node:fs';
import { constants, gzipSync } from 'node:zlib';
import { readStateItem, type StateItem, stateItem } from '../domain/stocks/state-item.ts';
import type { SymbolState } from '../domain/stocks/trend.ts';
import { applyBatch, type BatchRecord } from '../lambdas/stocks/apply-batch.ts';
import type { BatchObjects } from '../lambdas/stocks/batch-objects.ts';
import type { States } from '../lambdas/stocks/state-table.ts';
import { applyArchived } from '../local/stocks/replay/apply.ts';
import { inStreamOrder } from '../local/stocks/replay/stream-order.ts';

/**
 * The trend handler of the stocks lab without its calls to AWS, on one core: `stocks-case.mjs RECORDS ROUNDS BATCH` reads a
 * file of one record a line and prints, as JSON, the milliseconds of each round of each case: those that a processor worked
 * for it, garbage collection included, not those that passed. Bundled before it runs, as a function on Lambda is. The cases
 * take turns within a round, so that a slow moment of the machine meets them all.
 */
const [file = '', rounds = '', batch = ''] = process.argv.slice(2);

/** As an event of Kinesis has it. */
interface EventRecord {
  sequence: string;
  data: string;
}

const texts = readFileSync(file, 'utf8').trimEnd().split('\n');
const firstSequence = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898n;
const records = texts.map(
  (text, index): EventRecord => ({
    sequence: String(firstSequence + BigInt(index)),
    data: Buffer.from(text).toString('base64'),
  }),
);
const batches = Array.from({ length: Math.ceil(records.length / Number(batch)) }, (_, index) =>
  records.slice(index * Number(batch), (index + 1) * Number(batch)),
);

/** As lambdas/stocks/trend.ts does. */
const decoded = (each: readonly EventRecord[]): BatchRecord[] =>
  each.map(({ sequence, data }) => ({
    shard: 'shardId-000000000000',
    sequence,
    arrived: 1_763_733_104_208,
    data: Buffer.from(data, 'base64'),
  }));

/** Keeps what the table would: its items, which are texts; or states as they are. */
class KeptStates<Kept> implements States {
  readonly #kept = new Map<string, Kept>();
  readonly #write: (state: SymbolState) => Kept;
  readonly #read: (kept: Kept) => SymbolState;

  constructor(write: (state: SymbolState) => Kept, read: (kept: Kept) => SymbolState) {
    this.#write = write;
    this.#read = read;
  }

  async read(symbols: readonly string[]): Promise<Map<string, SymbolState>> {
    const found = new Map<string, SymbolState>();
    for (const symbol of symbols) {
      const kept = this.#kept.get(symbol);
      if (kept !== undefined) found.set(symbol, this.#read(kept));
    }
    return found;
  }

  async advance(advances: Parameters<States['advance']>[0]): Promise<void> {
    for (const { state } of advances) this.#kept.set(state.symbol, this.#write(state));
  }
}

const asItems = () => new KeptStates<StateItem>(stateItem, readStateItem);
const asTheyAre = () => {
  const same = (state: SymbolState) => state;
  return new KeptStates<SymbolState>(same, same);
};

/** Takes the bytes of each object, and drops them; with a list, keeps them. */
function objectsTo(kept?: Buffer[]): BatchObjects {
  return {
    putRows: async (_span, csv) => {
      const bytes = Buffer.from(csv);
      kept?.push(bytes);
    },
    setAside: async ({ code, reason }) => {
      throw new Error(`${code}: ${reason}`);
    },
  };
}

async function apply(states: States, objects: BatchObjects, calls: Iterable<BatchRecord[]>): Promise<void> {
  let rows = 0;
  for (const call of calls) rows += (await applyBatch(call, { states, objects })).rows;
  mustBeAll(rows);
}

function* decodedBatches(): Generator<BatchRecord[]> {
  for (const each of batches) yield decoded(each);
}

/** What a replay does between reading the archive's objects and comparing rows: their order, the handler, the rows of each batch. */
async function replay(): Promise<void> {
  async function* archived() {
    yield* texts;
  }
  let rows = 0;
  const applied = applyArchived(inStreamOrder(archived()), {
    objects: objectsTo(),
    from: 0n,
    applied: (those) => {
      rows += those.length;
    },
    signal: new AbortController().signal,
  });
  for await (const { setAside } of applied)
    if (setAside > 0) throw new Error(`${setAside} records were set aside`);
  mustBeAll(rows);
}

function mustBeAll(rows: number): void {
  if (rows !== records.length) throw new Error(`${rows} rows of ${records.length} records`);
}

const objects: Buffer[] = [];
await apply(asTheyAre(), objectsTo(objects), decodedBatches());

const cases: Record<string, () => Promise<void> | void> = {
  floor: () => {
    for (const each of batches)
      for (const { data } of each) JSON.parse(Buffer.from(data, 'base64').toString('utf8'));
  },
  handler: () => apply(asTheyAre(), objectsTo(), decodedBatches()),
  'with items': () => apply(asItems(), objectsTo(), decodedBatches()),
  gzip: () => {
    for (const bytes of objects) gzipSync(bytes, { level: constants.Z_BEST_SPEED });
  },
  replay,
};

const milliseconds: Record<string, number[]> = Object.fromEntries(
  Object.keys(cases).map((name) => [name, []]),
);
// The first round is not counted: code is compiled while it runs.
for (let round = 0; round <= Number(rounds); round += 1) {
  for (const [name, run] of Object.entries(cases)) {
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    if (round > 0) milliseconds[name]?.push((user + system) / 1000);
  }
}

/** What the rule said, to be held against the same rule elsewhere: rows of each trend, sums of the statistics. */
function summary(): { trends: Record<string, number>; sums: Record<string, number> } {
  const trends: Record<string, number> = {};
  const sums: Record<string, number> = {};
  const [header = ''] = String(objects[0]).split('\n', 1);
  const columns = header.split(',');
  for (const bytes of objects) {
    for (const line of bytes.toString('utf8').trimEnd().split('\n').slice(1)) {
      const fields = line.split(',');
      for (const [index, column] of columns.entries()) {
        const field = fields[index] ?? '';
        if (column === 'trend') trends[field] = (trends[field] ?? 0) + 1;
        if (['change', 'volatility', 'vwap', 'ticks_per_second'].includes(column))
          sums[column] = (sums[column] ?? 0) + Number(field);
      }
    }
  }
  return { trends, sums };
}

process.stdout.write(JSON.stringify({ records: records.length, milliseconds, ...summary() }));
