import { jest } from '@jest/globals';
import { runOrder } from '../../local/fashion/orders/run.ts';
import { type FashionLab, openFashionLab } from './fashion-lab.ts';

/** The small part of `npm run soak -- fashion` that every test run has. */
let fashion: FashionLab;
beforeAll(async () => {
  fashion = await openFashionLab({ hurried: true });
});
afterAll(() => fashion?.close());

// Ten drops, put back and replayed in between, on a machine that may be busy with other tests.
jest.setTimeout(900_000);

// Chosen for what happens in them. 8: refused workbooks, an SFTP server that drops out, a collector killed. 14: a COPY whose
// session breaks, calls that are held, refusals that outlast the attempts.
it.each([8, 14])(
  'ten drops in a random order with faults between them end in the tables that the drops alone say (seed %i)',
  async (seed) => {
    const { tables, ...order } = await runOrder(fashion, seed);
    expect(order).toMatchObject({ differences: [], lost: 0, twice: 0, drops: 10 });
    expect(order.rowsIn).toBe(order.loaded + order.setAside);
    expect(order.executions).toBeGreaterThan(10);
    expect(Object.values(order.faults).some((hits) => hits > 0)).toBe(true);
    expect(tables.staging_tables).toEqual([]);
  },
);

it('the same ten drops in other orders end in equal tables, row by row', async () => {
  const one = await runOrder(fashion, 14, { permutation: 1 });
  const other = await runOrder(fashion, 14, { permutation: 2 });
  expect(one.differences).toEqual([]);
  expect(one.loaded).toBeGreaterThan(0);
  expect(other.tables).toEqual(one.tables);
});
