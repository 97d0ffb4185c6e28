import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { LabError } from '../../../domain/errors.ts';
import { type Migration, pendingMigrations, splitStatements } from '../../../domain/warehouse/migrations.ts';

const migration = (version: string, sql = `SELECT ${version}`): Migration => ({
  version,
  name: 'change',
  sql,
  checksum: createHash('sha256').update(sql).digest('hex'),
});
const [first, second, third, fourth] = ['0001', '0002', '0003', '0004'].map((version) =>
  migration(version),
) as [Migration, Migration, Migration, Migration];
const versions = (migrations: Migration[]) => migrations.map(({ version }) => version);
const code = (call: () => unknown) => {
  try {
    call();
  } catch (error) {
    if (error instanceof LabError) return error.code;
    throw error;
  }
  return 'nothing thrown';
};

describe('what a deploy still has to apply', () => {
  it('is everything on a new warehouse, in order of the versions', () => {
    expect(versions(pendingMigrations([third, first, second], []))).toEqual(['0001', '0002', '0003']);
  });

  it('is what comes after the last applied one', () => {
    expect(versions(pendingMigrations([first, second, third], [first]))).toEqual(['0002', '0003']);
    expect(pendingMigrations([first], [first])).toEqual([]);
  });

  it.each([
    ['a version twice', [first, migration('0001', 'SELECT 9')], [], 'MigrationVersionRepeated'],
    ['a version twice that was applied', [first, first], [first], 'MigrationVersionRepeated'],
    ['a new one before an applied one', [first, second], [second], 'MigrationOutOfOrder'],
    ['one that changed after it was applied', [migration('0001', 'SELECT 9')], [first], 'MigrationChanged'],
    ['one that was applied and is gone', [first, third], [first, second, third], 'MigrationMissing'],
    ['the first one gone', [second], [first, second], 'MigrationMissing'],
    ['a gap below a newer one', [first, third, fourth], [first, second, third], 'MigrationMissing'],
    [
      'one that changed, below a newer one that is unknown',
      [migration('0001', 'SELECT 9')],
      [first, second],
      'MigrationChanged',
    ],
    ['a new one below a newer one that is unknown', [first, second], [first, third], 'MigrationOutOfOrder'],
  ])('%s is refused', (_what, files, applied, expected) => {
    expect(code(() => pendingMigrations(files, applied))).toBe(expected);
  });

  it('is nothing for a deploy that was rolled back after its migrations: newer ones than its files are left alone', () => {
    expect(pendingMigrations([first], [first, second])).toEqual([]);
    expect(pendingMigrations([first], [first, second, third])).toEqual([]);
    expect(pendingMigrations([second, first], [third, second, first])).toEqual([]);
  });

  it('a deploy that died in between goes on where it stopped', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 }), (count, stopped) => {
        const all = Array.from({ length: count }, (_, n) => migration(String(n + 1).padStart(4, '0')));
        const applied = all.slice(0, stopped);
        expect([...applied, ...pendingMigrations(all, applied)]).toEqual(all);
      }),
    );
  });
});

describe('the statements of a file', () => {
  it.each([
    ['no text', '', []],
    ['blanks, comments and semicolons alone', ' ;\n-- x\n;/* y */', []],
    ['the last one needs no semicolon', 'SELECT 1; SELECT 2', ['SELECT 1', 'SELECT 2']],
    ['a semicolon in a literal', "SELECT 'a;b'; SELECT 2", ["SELECT 'a;b'", 'SELECT 2']],
    ['a quote in a literal', "SELECT 'it''s;'; SELECT 2", ["SELECT 'it''s;'", 'SELECT 2']],
    ['a semicolon in a quoted name', 'SELECT "a;""b"; SELECT 2', ['SELECT "a;""b"', 'SELECT 2']],
    ['a semicolon in a line comment', 'SELECT 1 -- a;b\n; SELECT 2', ['SELECT 1', 'SELECT 2']],
    ['a semicolon in a block comment', 'SELECT /* a;\nb */ 1; SELECT 2', ['SELECT   1', 'SELECT 2']],
    ['a quote in a comment', "-- the client's\nSELECT 1; SELECT 2", ['SELECT 1', 'SELECT 2']],
    ['a comment in a literal', "SELECT '--a', '/*b*/'; SELECT 2", ["SELECT '--a', '/*b*/'", 'SELECT 2']],
    ['a comment that ends the file', 'SELECT 1 -- end', ['SELECT 1']],
    ['a minus and a division', 'SELECT 4 - 2 / 1; SELECT 2', ['SELECT 4 - 2 / 1', 'SELECT 2']],
    ['a comment between two words keeps them apart', 'SELECT/**/1', ['SELECT 1']],
    ['a comment that is not closed', 'SELECT 1 /* a; b', ['SELECT 1']],
    ['comments in comments', 'SELECT 1 /* a /* b; */ c; */; SELECT 2', ['SELECT 1', 'SELECT 2']],
  ])('%s', (_what, sql, statements) => {
    expect(splitStatements(sql)).toEqual(statements);
  });

  it('joined with semicolons and split again they are the same', () => {
    const piece = fc.oneof(
      fc.constantFrom('SELECT', '1', ' + ', 'a - b', 'c / d', '\n', '(x)', '$1', '€'),
      fc.stringMatching(/^[a-z; '"\-/*\n]{0,8}$/).map((text) => `'${text.replaceAll("'", "''")}'`),
      fc.stringMatching(/^[a-z; '"\-/*\n]{0,8}$/).map((text) => `"${text.replaceAll('"', '""')}"`),
    );
    const statement = fc
      .array(piece, { minLength: 1, maxLength: 6 })
      .map((pieces) => pieces.join(' ').trim())
      .filter((text) => text !== '');
    const comment = fc.constantFrom('', '-- it; is\n', '/* "a;" */', "\n-- '\n");
    fc.assert(
      fc.property(fc.array(fc.tuple(statement, comment)), (file) => {
        const sql = file.map(([text, remark]) => `${remark}${text};${remark}`).join('\n');
        expect(splitStatements(sql)).toEqual(file.map(([text]) => text));
      }),
    );
  });
});

describe('the migrations of the labs', () => {
  const folders = readdirSync('stacks').filter((name) => existsSync(`stacks/${name}/migrations`));

  it.each(folders)('%s: each fits one transaction of the Data API beside its row in the ledger', (lab) => {
    const folder = `stacks/${lab}/migrations`;
    const names = readdirSync(folder).sort();
    expect(names.length).toBeGreaterThan(0);
    for (const [index, name] of names.entries()) {
      expect(name).toMatch(new RegExp(`^${String(index + 1).padStart(4, '0')}_[a-z0-9_]+\\.sql$`));
      const statements = splitStatements(readFileSync(`${folder}/${name}`, 'utf8'));
      expect(statements.length).toBeLessThanOrEqual(39);
      for (const statement of statements) expect(Buffer.byteLength(statement)).toBeLessThan(100_000);
    }
  });
});
