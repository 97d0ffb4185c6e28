import { parsePublication } from '../../../domain/stocks/publication.ts';
import { mostObjectsToPublish } from '../../../domain/stocks/sql.ts';

const run = '20261121T130501Z-ab12cd';
const object = (n = 1, of = run) => ({
  key: `replay/${of}/rows/2026/11/20/15/archive-${n}-${n}.csv.gz`,
  bytes: 10,
});

it('takes objects of rows of one replay', () => {
  const publication = { run, objects: [object(1), object(2)] };
  expect(parsePublication(publication)).toEqual(publication);
});

it.each([
  ['nothing', undefined],
  ['no objects', { run, objects: [] }],
  ['no run', { objects: [object()] }],
  ['another member', { run, objects: [object()], sql: 'DELETE' }],
  ['an object without its size', { run, objects: [{ key: object().key }] }],
  ['a negative size', { run, objects: [{ ...object(), bytes: -1 }] }],
  [
    'more objects than one transaction takes',
    { run, objects: Array.from({ length: mostObjectsToPublish + 1 }, (_, n) => object(n)) },
  ],
  ['an object of another replay', { run, objects: [object(1), object(2, 'other')] }],
  ['live rows', { run, objects: [{ ...object(), key: 'rows/2026/11/20/15/shard-1-1.csv.gz' }] }],
  [
    'what a replay set aside',
    { run, objects: [{ ...object(), key: `replay/${run}/set-aside/2026/11/20/archive-1.json` }] },
  ],
  ['a manifest', { run, objects: [{ ...object(), key: `replay/${run}/manifest/a.json` }] }],
  ['a key of nothing', { run, objects: [{ ...object(), key: `replay/${run}/rows/../../raw/a` }] }],
])('refuses %s', (_what, event) => {
  expect(() => parsePublication(event)).toThrow(expect.objectContaining({ code: 'PublicationInvalid' }));
});
