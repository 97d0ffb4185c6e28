/**
 * Each function's bundle alone, as Lambda gets it. The laptop's emulator has node_modules on its path, which would hide
 * a dependency that was not bundled.
 */
import { readdirSync } from 'node:fs';
import { jest } from '@jest/globals';
import {
  collectEnvironment,
  loadEnvironment,
  recoverEnvironment,
  transformEnvironment,
} from '../../domain/fashion/contract.ts';
import { metricNamespaceOf } from '../../domain/shared/contract.ts';
import * as stocks from '../../domain/stocks/contract.ts';
import { migrateEnvironment } from '../../domain/warehouse/contract.ts';
import { environmentOf } from '../stacks/synthesized.ts';
import { type Bundle, bundlesOf, runBeside } from './bundles.ts';

jest.setTimeout(300_000); // the bundles are made here when no assembly was made before

/** By stack, each function and the variables that its contract names. */
const stacks: Record<string, Record<string, readonly string[]>> = {
  FashionInventory: {
    Collect: collectEnvironment,
    Load: loadEnvironment,
    Recover: recoverEnvironment,
    SchemaMigrate: migrateEnvironment,
    Transform: transformEnvironment,
  },
  StockTrends: {
    LoadingLoad: stocks.loadEnvironment,
    LoadingPublish: stocks.loadEnvironment,
    SchemaMigrate: migrateEnvironment,
    Trend: stocks.trendEnvironment,
    Watch: stocks.watchEnvironment,
  },
};

const found = new Map<string, Bundle[]>();
const removals: (() => void)[] = [];
beforeAll(async () => {
  for (const stack of Object.keys(stacks)) {
    const { bundles, remove } = await bundlesOf(stack);
    found.set(stack, bundles);
    removals.push(remove);
  }
});
afterAll(() => {
  for (const remove of removals) remove();
});

const bundle = (stack: string, name: string) =>
  found.get(stack)?.find((each) => each.name === name) as Bundle;
const all = Object.entries(stacks).flatMap(([stack, needs]) =>
  Object.entries(needs).map(([name, names]) => [stack, name, names] as const),
);

it.each(Object.entries(stacks))('every function of %s is looked at here', (stack, needs) => {
  expect(
    found
      .get(stack)
      ?.map(({ name }) => name)
      .sort(),
  ).toEqual(Object.keys(needs).sort());
});

it.each(all)('%s: %s loads with nothing beside it, and has a handler', async (stack, name) => {
  const { directory, environment } = bundle(stack, name);
  expect(readdirSync(directory).sort()).toEqual(
    name === 'SchemaMigrate' ? ['index.mjs', 'migrations'] : ['index.mjs'],
  );
  const { code, output, errors } = await runBeside(
    bundle(stack, name),
    'console.log(typeof bundle.handler); process.exit(0);',
    environment,
  );
  expect([code, output.trim(), errors]).toEqual([0, 'function', '']);
});

it.each(all)('%s: %s gets from the stack what its contract names', (stack, name, names) => {
  const { environment, observed } = environmentOf(bundle(stack, name).environment);
  expect(Object.keys(environment).sort()).toEqual([...names].sort());
  expect(observed).toEqual({ service: expect.any(String), namespace: metricNamespaceOf(stack) });
});

it.each(all.filter(([, , names]) => names.length > 0))(
  '%s: %s without its environment ends at its start with one error that names all that is missing',
  async (stack, name, names) => {
    const { code, errors } = await runBeside(bundle(stack, name), '', {});
    expect(code).not.toBe(0);
    expect(errors.match(/^\w*Error: .*/gm)).toEqual([
      `Error: environment variables are not set: ${names.join(', ')}`,
    ]);
  },
);

it('the names of errors survive the bundling: the state machines match on them', async () => {
  const { environment } = bundle('FashionInventory', 'Load');
  const { output } = await runBeside(
    bundle('FashionInventory', 'Load'),
    'await bundle.handler({}).catch((error) => console.log(error.name, error.constructor.name)); process.exit(0);',
    environment,
  );
  expect(output.trim().split('\n').at(-1)).toBe('ZodError ZodError');
});
