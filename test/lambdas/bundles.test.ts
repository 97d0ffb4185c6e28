/**
 * Each function's bundle alone, as Lambda gets it. The laptop's emulator has node_modules on its path, which would hide
 * a dependency that was not bundled.
 */
import { readdirSync } from 'node:fs';
import { jest } from '@jest/globals';
import { collectEnvironment, loadEnvironment, transformEnvironment } from '../../domain/fashion/contract.ts';
import { migrateEnvironment } from '../../domain/warehouse/contract.ts';
import { type Bundle, bundlesOf, runBeside } from './bundles.ts';

jest.setTimeout(120_000); // the bundles are made here when no assembly was made before

let bundles: Bundle[];
let remove: () => void;
beforeAll(async () => {
  ({ bundles, remove } = await bundlesOf('FashionInventory'));
});
afterAll(() => remove?.());

const needs: Record<string, readonly string[]> = {
  Collect: collectEnvironment,
  Load: loadEnvironment,
  SchemaMigrate: migrateEnvironment,
  Transform: transformEnvironment,
};
const bundle = (name: string) => bundles.find((each) => each.name === name) as Bundle;

it('every function of the lab is looked at here', () => {
  expect(bundles.map(({ name }) => name).sort()).toEqual(Object.keys(needs).sort());
});

it.each(Object.keys(needs))('%s loads with nothing beside it, and has a handler', async (name) => {
  const { directory, environment } = bundle(name);
  expect(readdirSync(directory).sort()).toEqual(
    name === 'SchemaMigrate' ? ['index.mjs', 'migrations'] : ['index.mjs'],
  );
  const { code, output, errors } = await runBeside(
    bundle(name),
    'console.log(typeof bundle.handler); process.exit(0);',
    environment,
  );
  expect([code, output.trim(), errors]).toEqual([0, 'function', '']);
});

it.each(Object.entries(needs))('%s gets from the stack what its contract names', (name, names) => {
  const { POWERTOOLS_SERVICE_NAME: service, ...environment } = bundle(name).environment;
  expect(Object.keys(environment).sort()).toEqual([...names].sort());
  expect(service).toBeTruthy();
});

it.each(Object.keys(needs).filter((name) => needs[name]?.length))(
  '%s without its environment ends at its start with one error that names all that is missing',
  async (name) => {
    const { code, errors } = await runBeside(bundle(name), '', {});
    expect(code).not.toBe(0);
    expect(errors.match(/^\w*Error: .*/gm)).toEqual([
      `Error: environment variables are not set: ${needs[name]?.join(', ')}`,
    ]);
  },
);

it('the names of errors survive the bundling: the state machines match on them', async () => {
  const { environment } = bundle('Load');
  const { output } = await runBeside(
    bundle('Load'),
    'await bundle.handler({}).catch((error) => console.log(error.name, error.constructor.name)); process.exit(0);',
    environment,
  );
  expect(output.trim().split('\n').at(-1)).toBe('ZodError ZodError');
});
