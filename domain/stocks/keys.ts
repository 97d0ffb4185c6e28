import { LabError } from '../errors.ts';

/**
 * The archive's keys, built and parsed in one place. Hours and days are those of arrival, in UTC:
 *
 *     raw/yyyy/mm/dd/hh/<name>                                    what the feed sent, by Firehose
 *     rows/yyyy/mm/dd/hh/<shard>-<days>-<first>-<last>.csv.gz     ticks with their trend, of one batch of a shard
 *     set-aside/yyyy/mm/dd/<shard>-<sequence>.json                a record that cannot be read, whole
 *     manifest/<name>.json                                        what COPY reads
 *     replay/<run>/rows|set-aside|manifest/…                      the same, written by a replay
 *
 * `<first>` and `<last>` are the sequence numbers of the batch's records, so a batch that comes again has the same key.
 * `<days>` are the first and the last trading day of its trades, `2026-11-30_2026-12-01`: the load learns them from the event
 * that names the object. Objects of the first release have none, and its load reads `<days>` as a part of the shard, so that
 * objects can be loaded after a deployment was rolled back.
 */
export type ArchiveKey = RawKey | RowsKey | SetAsideKey | ManifestKey;

export interface RawKey {
  kind: 'raw';
  /** Beginning of the hour, epoch milliseconds. */
  hour: number;
  name: string;
}

/** Trading days, `YYYY-MM-DD`, both included. */
export interface TradingDays {
  from: string;
  to: string;
}

export interface RowsKey {
  kind: 'rows';
  /** `shardId-000000000000` */
  shard: string;
  /** All rows are of these; an object of the first release does not say them. */
  days?: TradingDays;
  first: string;
  last: string;
  /** Beginning of the hour in which the first record arrived, epoch milliseconds. */
  hour: number;
  /** Id of the replay that wrote it. */
  run?: string;
}

export interface SetAsideKey {
  kind: 'set-aside';
  shard: string;
  sequence: string;
  /** Beginning of the day in which it arrived, epoch milliseconds. */
  day: number;
  run?: string;
}

export interface ManifestKey {
  kind: 'manifest';
  name: string;
  run?: string;
}

export const rawPrefix = 'raw/';
export const rowsPrefix = 'rows/';
export const setAsidePrefix = 'set-aside/';
export const manifestPrefix = 'manifest/';
export const replayPrefix = 'replay/';

/** @param o arrived: of the first record, epoch milliseconds */
export function rowsKey(o: {
  shard: string;
  days: TradingDays;
  first: string;
  last: string;
  arrived: number;
  run?: string | undefined;
}): string {
  const key = `${rowsPrefix}${hourPath(o.arrived)}/${o.shard}-${o.days.from}_${o.days.to}-${o.first}-${o.last}.csv.gz`;
  return checked(`${runPath(o.run)}${key}`);
}

/** @param o arrived: epoch milliseconds */
export function setAsideKey(o: {
  shard: string;
  sequence: string;
  arrived: number;
  run?: string | undefined;
}): string {
  const key = `${setAsidePrefix}${hourPath(o.arrived).slice(0, 10)}/${o.shard}-${o.sequence}.json`;
  return checked(`${runPath(o.run)}${key}`);
}

/** @param name letters, digits, point, hyphen and underscore */
export function manifestKey(name: string, run?: string): string {
  return checked(`${runPath(run)}${manifestPrefix}${name}.json`);
}

/** `raw/yyyy/mm/dd/hh/` of the hour that holds an instant. @param at epoch milliseconds */
export function rawHourPrefix(at: number): string {
  return `${rawPrefix}${hourPath(at)}/`;
}

/** `rows/yyyy/mm/dd/hh/` of the hour that holds an instant. @param at epoch milliseconds */
export function rowsHourPrefix(at: number): string {
  return `${rowsPrefix}${hourPath(at)}/`;
}

const shape = new RegExp(
  [
    '^(?:(?<replay>replay)/(?<run>[\\w.-]+)/)?(?:',
    [
      'rows/(?<rowsHour>\\d{4}/\\d{2}/\\d{2}/\\d{2})/(?<rowsShard>[\\w-]+?)(?:-(?<from>\\d{4}-\\d{2}-\\d{2})_(?<to>\\d{4}-\\d{2}-\\d{2}))?-(?<first>\\d+)-(?<last>\\d+)\\.csv\\.gz',
      'set-aside/(?<day>\\d{4}/\\d{2}/\\d{2})/(?<shard>[\\w-]+)-(?<sequence>\\d+)\\.json',
      'manifest/(?<manifest>[\\w.-]+)\\.json',
      'raw/(?<rawHour>\\d{4}/\\d{2}/\\d{2}/\\d{2})/(?<name>[^/]+)',
    ].join('|'),
    ')$',
  ].join(''),
);

/** @throws StockKeyInvalid */
export function parseKey(key: string): ArchiveKey {
  const groups = shape.exec(key)?.groups;
  if (!groups) throw new LabError('StockKeyInvalid', key);
  const run = groups.run === undefined ? {} : { run: groups.run };
  const { rowsShard, first, last, shard, sequence, manifest, name } = groups as Record<string, string>;
  if (groups.rowsHour !== undefined)
    return {
      kind: 'rows',
      shard: rowsShard as string,
      first: first as string,
      last: last as string,
      hour: beginning(groups.rowsHour, key),
      ...(groups.from !== undefined && {
        days: { from: day(groups.from, key), to: day(groups.to as string, key) },
      }),
      ...run,
    };
  if (groups.day !== undefined)
    return {
      kind: 'set-aside',
      shard: shard as string,
      sequence: sequence as string,
      day: beginning(`${groups.day}/00`, key),
      ...run,
    };
  if (manifest !== undefined) return { kind: 'manifest', name: manifest, ...run };
  if (groups.run !== undefined) throw new LabError('StockKeyInvalid', key);
  return { kind: 'raw', hour: beginning(groups.rawHour as string, key), name: name as string };
}

/**
 * From the first to the last trading day that keys of rows say; undefined where one of them says none, or is no such key.
 */
export function tradingDaysOf(keys: readonly string[]): TradingDays | undefined {
  let days: TradingDays | undefined;
  for (const key of keys) {
    const { from, to } = shape.exec(key)?.groups ?? {};
    if (from === undefined || to === undefined) return undefined;
    days = {
      from: days && days.from < from ? days.from : from,
      to: days && days.to > to ? days.to : to,
    };
  }
  return days;
}

function checked(key: string): string {
  parseKey(key);
  return key;
}

const runPath = (run: string | undefined) => (run === undefined ? '' : `${replayPrefix}${run}/`);

/** `yyyy/mm/dd/hh` in UTC. */
const hourPath = (at: number) =>
  new Date(at).toISOString().slice(0, 13).replaceAll('-', '/').replace('T', '/');

/** As it is, if there is such a day. */
function day(date: string, key: string): string {
  beginning(`${date.replaceAll('-', '/')}/00`, key);
  return date;
}

function beginning(path: string, key: string): number {
  const [year, month, day, hour] = path.split('/');
  const time = Date.parse(`${year}-${month}-${day}T${hour}:00:00Z`);
  if (Number.isNaN(time) || hourPath(time) !== path) throw new LabError('StockKeyInvalid', key);
  return time;
}
