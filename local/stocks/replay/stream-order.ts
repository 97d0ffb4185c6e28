import { LabError } from '../../../domain/errors.ts';
import { readTickRecord } from '../../../domain/stocks/tick-record.ts';

/** A record of the raw archive. */
export interface ArchivedRecord {
  /** As the feed sent it. */
  text: string;
  /** Nanoseconds since 1970, by the feed's clock. */
  received: bigint;
}

interface Placed extends ArchivedRecord {
  token: string;
  isHistory: boolean;
  /** Of the trade, nanoseconds; read when it is needed. */
  at?: bigint;
  /** What it is sorted by first, nanoseconds. */
  place: bigint;
  /** In the archive. */
  position: number;
}

const minute = 60_000_000_000n;

/**
 * How far, by the feed's clock, records of the archive lie from their order: Firehose gathers for 15 minutes at most before
 * it writes an object, and names it by its beginning.
 */
export const mostDisorder = 15n * minute;

/** Records that are read between two looks at which of them can go. */
const look = 50_000;

/**
 * The records of the archive in the order in which the stream had those of each symbol; the archive keeps no sequence numbers.
 * A record that it has twice comes once.
 *
 * - The feed sends what it receives in order, so `received` tells. Trades of one message have the same: they are taken by their
 *   own time, then as the archive has them.
 * - While it fills a gap from the history, it holds back what the new connection tells. So trades of the history come before
 *   all that was received since `to` of their gap, which is when that connection began; the gap's record follows them.
 *
 * @param o to: nanoseconds; what was received since is not needed, and reading ends when no earlier record can follow: a minute
 *   later, and twice as much as the records that were read lie from their order. What the feed held back for long comes before
 *   what it received after, so no clock is asked
 */
export async function* inStreamOrder(
  texts: AsyncIterable<string>,
  { to, disorder = mostDisorder, records = look }: { to?: bigint; disorder?: bigint; records?: number } = {},
): AsyncGenerator<ArchivedRecord[]> {
  const gaps: Gap[] = [];
  let waiting: Placed[] = [];
  let newest = 0n;
  let position = 0;
  let added = 0;
  /** Of what came by the websocket, and how far that went back. */
  let newestLive = 0n;
  let back = 0n;
  for await (const text of texts) {
    const placed = readPlace(text, newest, position++, gaps);
    if (placed.received > newest) newest = placed.received;
    waiting.push(placed);
    if (placed.token !== '' && !placed.isHistory) {
      if (placed.received > newestLive) newestLive = placed.received;
      else if (newestLive - placed.received > back) back = newestLive - placed.received;
      if (to !== undefined && placed.received >= to + minute + 2n * back) break;
    }
    if (++added < records) continue;
    added = 0;
    sort(waiting, gaps);
    const until = newest - disorder;
    const stays = waiting.findIndex(({ place }) => place >= until);
    const part = waiting.slice(0, stays < 0 ? waiting.length : stays);
    waiting = waiting.slice(part.length);
    if (part.length > 0) yield once(part);
  }
  sort(waiting, gaps);
  if (waiting.length > 0) yield once(waiting);
}

/** The record that says that a gap was filled. */
interface Gap {
  token: string;
  received: bigint;
  to: bigint;
}

/** As the feed writes it; anything else is read as JSON. */
const envelope = /^\{"feed":\{"token":(\d+),"received":"(\d+)","source":"(stream|history)"\},"(trade|gap)":/;

/** @param newest stands for when a record was received that does not say it: it is set aside, wherever it stands */
function readPlace(text: string, newest: bigint, position: number, gaps: Gap[]): Placed {
  const [, token = '', nanoseconds = '', source, kind] = envelope.exec(text) ?? [];
  const isWritten = kind !== undefined;
  const record = isWritten && kind === 'trade' ? undefined : read(text);
  const received = isWritten ? BigInt(nanoseconds) : (record?.feed.received ?? newest);
  const placed: Placed = {
    text,
    received,
    token: isWritten ? token : String(record?.feed.token ?? ''),
    isHistory: (isWritten ? source : record?.feed.source) === 'history',
    place: received,
    position,
  };
  if (record?.kind === 'gap') gaps.push({ token: placed.token, received, to: record.gap.to });
  return placed;
}

function read(text: string) {
  try {
    return readTickRecord(text);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    return undefined; // the handler sets it aside, with the reason
  }
}

function sort(records: Placed[], gaps: Gap[]): void {
  gaps.sort((a, b) => compare(a.received, b.received));
  for (const record of records) {
    if (!record.isHistory) continue;
    const { token, received } = record;
    const gap = gaps.find((each) => each.token === token && each.received >= received);
    record.place = gap && gap.to < received ? gap.to : received;
  }
  records.sort(
    (a, b) =>
      compare(a.place, b.place) ||
      Number(b.isHistory) - Number(a.isHistory) ||
      compare(a.received, b.received) ||
      compare(timeOf(a), timeOf(b)) ||
      a.position - b.position,
  );
}

/** After every trade received at the same time: it makes no difference to them. */
const never = 1n << 63n;

function timeOf(record: Placed): bigint {
  if (record.at === undefined) {
    const found = read(record.text);
    record.at = found?.kind === 'trade' ? found.trade.at : never;
  }
  return record.at;
}

/** Without repetitions of a whole record: Firehose may deliver twice, and the feed sends again what it is unsure of. */
function once(sorted: readonly Placed[]): ArchivedRecord[] {
  const kept: Placed[] = [];
  for (const record of sorted) {
    let isRepeated = false;
    for (let i = kept.length - 1; i >= 0 && !isRepeated; i--) {
      const before = kept[i] as Placed;
      if (before.received !== record.received || timeOf(before) !== timeOf(record)) break;
      isRepeated = before.text === record.text;
    }
    if (!isRepeated) kept.push(record);
  }
  return kept;
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
