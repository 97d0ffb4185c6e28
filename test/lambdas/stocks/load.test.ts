/** Objects of rows into the warehouse: our Redshift Data API over PostgreSQL, as the loader's own database user. */
import { readdirSync, readFileSync } from 'node:fs';
import { jest } from '@jest/globals';
import { rowColumns } from '../../../domain/stocks/rows.ts';
import { splitStatements } from '../../../domain/warehouse/migrations.ts';
import { DataApi } from '../../../lambdas/shared/data-api.ts';
import { ObjectLoads } from '../../../lambdas/stocks/object-loads.ts';
import { loadMessages } from '../../../lambdas/stocks/rows-messages.ts';
import {
  copyRole,
  startWarehouse,
  type TestWarehouse,
  workgroup,
} from '../../local/redshift-data/warehouse-under-test.ts';
import { Lab, tickRecord } from './batches.ts';
import { FakeS3 } from './fakes.ts';

jest.setTimeout(300_000); // starts processes on a machine that may be busy

const set = {
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'eu-west-1',
  AWS_ENDPOINT_URL_REDSHIFT_DATA: '',
};
const before = Object.fromEntries(Object.keys(set).map((name) => [name, process.env[name]]));
let warehouse: TestWarehouse;
let api: DataApi;

beforeAll(async () => {
  warehouse = await startWarehouse();
  warehouse.rolesOf.loader = ['stocks_loader'];
  Object.assign(process.env, { ...set, AWS_ENDPOINT_URL_REDSHIFT_DATA: `${warehouse.server.url}/as/loader` });
  api = new DataApi({ workgroupName: workgroup, database: 'dev' });
  const folder = 'stacks/stocks/migrations';
  for (const file of readdirSync(folder).sort())
    await warehouse.admin.ok(splitStatements(readFileSync(`${folder}/${file}`, 'utf8')));
});
afterAll(async () => {
  await warehouse?.close();
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

const tradeIdOf = (data: Uint8Array) => /"i":(\d+)/.exec(Buffer.from(data).toString())?.[1];

let symbolsUsed = 0;

/** Objects of one tick each, of a symbol that no other test has, where COPY finds them. */
async function objectsOf(count: number) {
  const symbol = ['AAPL', 'AMZN', 'MSFT', 'NVDA', 'AMD', 'WMT', 'COST', 'CSCO', 'META'][
    symbolsUsed++
  ] as string;
  const lab = new Lab();
  for (let n = 0; n < count; n++)
    await lab.apply([tickRecord(n, { symbol, id: n, price: 10 + n, after: n })]);
  const objects = lab.s3.keys('rows/').map((key) => put(key, lab.s3.objects.get(key)?.body as Buffer));
  return { symbol, objects };
}

const bodies = new Map<string, Buffer>();

function put(key: string, body: Buffer) {
  bodies.set(key, body);
  warehouse.store.put(`archive/${key}`, body);
  return { key, bytes: body.length };
}

/** Its manifests are read by COPY where objects are read. */
class SharedS3 extends FakeS3 {
  // biome-ignore lint/suspicious/noExplicitAny: stands for the overloads of the SDK's client
  override send = async (command: any): Promise<any> => {
    put(command.input.Key, Buffer.from(command.input.Body));
    return {};
  };
}

const loadsBy = (through: Pick<DataApi, 'submit' | 'wait' | 'rows'> = api, replaces = false) =>
  new ObjectLoads({
    api: through,
    s3: new SharedS3(),
    bucket: 'archive',
    copyRoleArn: copyRole,
    replaces,
    pauseMs: 1,
  });
const soon = () => Date.now() + 240_000;
const call = () => crypto.randomUUID();
const inSql = async (symbol: string) =>
  Number(
    (await warehouse.admin.rows(`SELECT COUNT(*) FROM stocks.ticks WHERE symbol = '${symbol}'`))[0]?.[0],
  );

it('several objects are one transaction, which says how many rows and how new', async () => {
  const { symbol, objects } = await objectsOf(5);
  const { loads, failed } = await loadsBy().load(objects, call(), soon());
  expect(failed).toEqual([]);
  expect(loads).toEqual([{ objects, rows: 5, newestAt: 1_795_186_800_004 }]);
  expect(await inSql(symbol)).toBe(5);
});

it('loaded again, in pieces and overlapping, nothing is there twice', async () => {
  const { symbol, objects } = await objectsOf(4);
  const by = loadsBy();
  await by.load(objects.slice(0, 3), call(), soon());
  await by.load(objects.slice(1), call(), soon());
  await by.load(objects, call(), soon());
  expect(await inSql(symbol)).toBe(4);
});

it('two at a time that name the same objects leave them once', async () => {
  const { symbol, objects } = await objectsOf(4);
  const results = await Promise.all([
    loadsBy().load(objects, call(), soon()),
    loadsBy().load(objects, call(), soon()),
    loadsBy().load(objects.slice(1), call(), soon()),
  ]);
  expect(results.flatMap(({ failed }) => failed)).toEqual([]);
  expect(await inSql(symbol)).toBe(4);
});

it('an object that cannot be loaded does not keep out the others, and it alone is handed back', async () => {
  const { symbol, objects } = await objectsOf(6);
  const [, , broken] = objects;
  put(broken?.key as string, Buffer.from('not gzip'));
  const messages = objects.map(({ key, bytes }, n) => ({
    messageId: `m${n}`,
    body: JSON.stringify({ Records: [{ s3: { object: { key, size: bytes } } }] }),
  }));
  const result = await loadMessages(messages, (all) => loadsBy().load(all, call(), soon()));
  expect(result.back).toEqual(['m2']);
  expect(result.failed.map(({ objects: failed, error }) => [failed, error.name])).toEqual([
    [[broken], 'WarehouseStatementFailed'],
  ]);
  expect(await inSql(symbol)).toBe(5);
});

it('an object whose key lies about its days is handed back, alone; the others are in SQL', async () => {
  const { symbol, objects } = await objectsOf(4);
  const [{ key } = { key: '' }, ...others] = objects;
  const lying = key.replaceAll('2026-11-20', '2026-11-19');
  expect(lying).not.toBe(key);
  const moved = put(lying, bodies.get(key) as Buffer);
  const { failed } = await loadsBy().load([moved, ...others], call(), soon());
  expect(failed).toEqual([]); // within the days of all
  await warehouse.admin.ok(`DELETE FROM stocks.ticks WHERE symbol = '${symbol}'`);
  const alone = await loadsBy().load([moved], call(), soon());
  expect(alone.failed).toMatchObject([{ objects: [moved], error: { code: 'WarehouseStatementFailed' } }]);
  expect(alone.failed[0]?.error.message).toContain('"rows_staged"');
  expect(await inSql(symbol)).toBe(0);
  expect((await loadsBy().load(others, call(), soon())).failed).toEqual([]);
  expect(await inSql(symbol)).toBe(3);
});

it('a warehouse that is away for a moment is asked again', async () => {
  const { symbol, objects } = await objectsOf(2);
  let refusals = 3;
  const flaky = {
    submit: (...submitted: Parameters<DataApi['submit']>) => {
      refusals -= 1;
      if (refusals >= 0) throw Object.assign(new Error('connect ECONNREFUSED'), { name: 'TimeoutError' });
      return api.submit(...submitted);
    },
    wait: api.wait.bind(api),
    rows: api.rows.bind(api),
  };
  expect((await loadsBy(flaky).load(objects, call(), soon())).failed).toEqual([]);
  expect(await inSql(symbol)).toBe(2);
});

it('whoever runs out of time hands back all that is left; what was loaded meanwhile is there once', async () => {
  const { symbol, objects } = await objectsOf(3);
  const late = {
    submit: api.submit.bind(api),
    wait: async (id: string) => ({ status: 'running' as const, id }),
    rows: api.rows.bind(api),
  };
  const { loads, failed } = await loadsBy(late).load(objects, call(), Date.now());
  expect(loads).toEqual([]);
  expect(failed).toMatchObject([{ objects, error: { code: 'WarehouseSlow' } }]);
  expect((await loadsBy().load(objects, call(), soon())).failed).toEqual([]);
  expect(await inSql(symbol)).toBe(3);
});

describe('the stream read again from its oldest record, as by a subscription that takes the place of another', () => {
  /** Ticks of a symbol, some of which come twice, some late. */
  const recordsOf = (symbol: string) =>
    Array.from({ length: 60 }, (_, n) => {
      const id = n % 10 === 9 ? n - 5 : n;
      return tickRecord(n, { symbol, id, price: 10 + (id % 7), after: id % 10 === 7 ? 0 : id * 50 });
    });
  const batchesOf = <Each>(list: readonly Each[], size: number) =>
    Array.from({ length: Math.ceil(list.length / size) }, (_, n) => list.slice(n * size, (n + 1) * size));
  const again = () => false;

  /** All objects that a trend wrote, two of them a load, and some of them in two loads. */
  async function loadAll(lab: Lab) {
    const objects = lab.s3.keys('rows/').map((key) => put(key, lab.s3.objects.get(key)?.body as Buffer));
    for (const part of [...batchesOf(objects, 2), objects.slice(0, 3)]) {
      const { failed } = await loadsBy().load(part, call(), soon());
      expect(failed).toEqual([]);
    }
    return objects;
  }
  const ofSymbol = (symbol: string) =>
    warehouse.admin.rows(
      `SELECT ${rowColumns.join(', ')} FROM stocks.ticks WHERE symbol = '${symbol}' ORDER BY trade_id`,
    );

  it('while the first one goes on: each tick is in SQL once, with the trend that it had', async () => {
    const symbol = 'ADBE';
    const records = recordsOf(symbol);
    const lab = new Lab();
    for (const batch of batchesOf(records, 12)) await lab.apply(batch);
    await loadAll(lab);
    const undisturbed = await ofSymbol(symbol);
    expect(undisturbed.length).toBe(new Set(recordsOf(symbol).map(({ data }) => tradeIdOf(data))).size);

    await warehouse.admin.ok(`DELETE FROM stocks.ticks WHERE symbol = '${symbol}'`);
    const replaced = new Lab();
    for (const batch of batchesOf(records.slice(0, 24), 12)) await replaced.apply(batch);
    await loadAll(replaced);
    const goesOn = async (from: number, size: number) => {
      for (const batch of batchesOf(records.slice(from), size)) await replaced.deliver(batch, again);
    };
    await Promise.all([goesOn(24, 12), goesOn(0, 7)]);
    await loadAll(replaced);
    expect(await ofSymbol(symbol)).toEqual(undisturbed);
  });

  it('after the states were lost, so that every record gives its row again: each tick is in SQL once', async () => {
    const symbol = 'ADI';
    const records = recordsOf(symbol);
    const lab = new Lab();
    for (const batch of batchesOf(records, 12)) await lab.apply(batch);
    const before = await loadAll(lab);
    const once = await ofSymbol(symbol);
    lab.table.items.clear();
    for (const batch of batchesOf(records, 7)) await lab.apply(batch);
    expect((await loadAll(lab)).length).toBeGreaterThan(before.length);
    expect(await ofSymbol(symbol)).toEqual(once);
  });
});

describe('rows of a replay', () => {
  /** As a replay writes them. */
  const replayed = (objects: readonly { key: string }[]) =>
    objects.map(({ key }) => put(`replay/run/${key}`, bodies.get(key) as Buffer));

  it('replace those that SQL has otherwise, and the load says how many', async () => {
    const { symbol, objects } = await objectsOf(5);
    await loadsBy().load(objects.slice(0, 4), call(), soon());
    await warehouse.admin.ok(
      `UPDATE stocks.ticks SET price = 1 WHERE symbol = '${symbol}' AND trade_id IN (1, 2)`,
    );
    const { loads } = await loadsBy(api, true).load(replayed(objects), call(), soon());
    expect(loads).toMatchObject([{ rows: 5, changes: { ticks: 5, replaced: 2, added: 1 } }]);
    const again = await loadsBy(api, true).load(replayed(objects), call(), soon());
    expect(again.loads).toMatchObject([{ rows: 5, changes: { ticks: 5, replaced: 0, added: 0 } }]);
    expect(await inSql(symbol)).toBe(5);
  });

  it('of an object that cannot be read are told, the others are in SQL, and the next time brings the rest', async () => {
    const { symbol, objects } = await objectsOf(4);
    await loadsBy().load(objects, call(), soon());
    await warehouse.admin.ok(`UPDATE stocks.ticks SET price = 1 WHERE symbol = '${symbol}'`);
    const all = replayed(objects);
    const broken = all[1] as (typeof all)[number];
    const body = bodies.get(broken.key) as Buffer;
    put(broken.key, Buffer.from('not gzip'));
    const { loads, failed } = await loadsBy(api, true).load(all, call(), soon());
    expect(failed).toMatchObject([{ objects: [broken], error: { code: 'WarehouseStatementFailed' } }]);
    expect(loads.reduce((sum, { changes }) => sum + (changes?.replaced ?? 0), 0)).toBe(3);
    put(broken.key, body);
    const again = await loadsBy(api, true).load(all, call(), soon());
    expect(again.loads).toMatchObject([{ changes: { ticks: 4, replaced: 1, added: 0 } }]);
    expect(await inSql(symbol)).toBe(4);
  });
});

describe('messages', () => {
  const none = async () => ({ loads: [], failed: [] });
  const told = (key: string) => JSON.stringify({ Records: [{ s3: { object: { key, size: 1 } } }] });
  const rows = 'rows/2026/11/20/15/shardId-000000000000-1-2.csv.gz';

  it('S3 writes keys as forms do, and tells of an object more than once', async () => {
    const asked: unknown[] = [];
    const records = [told(encodeURIComponent(rows)), told(rows)].map((body, n) => ({
      messageId: `${n}`,
      body,
    }));
    await loadMessages(records, async (objects) => {
      asked.push(...objects);
      return none();
    });
    expect(asked).toEqual([{ key: rows, bytes: 1 }]);
  });

  it('the message that S3 sends when the queue is set up is done', async () => {
    const body = JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'archive' });
    expect(await loadMessages([{ messageId: 'm', body }], none)).toMatchObject({ back: [], unreadable: [] });
  });

  it.each([['no JSON'], ['{}'], ['null'], [told('rows/by-hand.txt')], [told('manifest/a.json')]])(
    '%s tells of nothing that can be loaded, and is handed back',
    async (body) => {
      const { back, unreadable } = await loadMessages([{ messageId: 'm', body }], none);
      expect([back, unreadable.length]).toEqual([['m'], 1]);
    },
  );
});
