import fc from 'fast-check';
import type { Drop } from '../../../domain/fashion/drop.ts';
import {
  type ArchiveKey,
  buildArchiveKey,
  correctionsKey,
  correctionsPrefix,
  csvKey,
  dropStem,
  incomingKey,
  manifestKey,
  parseArchiveKey,
  rejectedKey,
  rejectedPrefix,
  slotPrefix,
  workbookKey,
} from '../../../domain/fashion/keys.ts';

const drop: Drop = {
  date: '2026-11-20',
  slot: '0600',
  modifiedAt: Date.parse('2026-11-20T05:00:07.089Z'),
  sha256: `0123456789abcdef${'0'.repeat(48)}`,
  fileName: 'inventory_2026-11-20_0600.xlsx',
};
const stem = '20261120T050007089Z-0123456789abcdef-inventory_2026-11-20_0600';

describe("the archive's keys", () => {
  it('put a drop under its date and slot, in the order of drops', () => {
    expect(workbookKey(drop)).toBe(`xlsx/date=2026-11-20/slot=0600/${stem}.xlsx`);
    expect(workbookKey(drop).startsWith(slotPrefix(drop))).toBe(true);
    expect(csvKey(drop)).toBe(`csv/date=2026-11-20/slot=0600/${stem}.csv`);
    expect(rejectedKey(drop)).toBe(`rejected/date=2026-11-20/slot=0600/${stem}.csv`);
    expect(csvKey(drop, 'r-1')).toBe(`replay/r-1/csv/date=2026-11-20/slot=0600/${stem}.csv`);
    expect(rejectedKey(drop, 'r-1')).toBe(`replay/r-1/rejected/date=2026-11-20/slot=0600/${stem}.csv`);
    expect(correctionsKey(drop, `fedcba98765432100${'0'.repeat(47)}`)).toBe(
      `corrections/date=2026-11-20/slot=0600/${stem}-fedcba9876543210.csv`,
    );
    expect(correctionsKey(drop, 'f'.repeat(64)).startsWith(slotPrefix(drop, correctionsPrefix))).toBe(true);
    expect(rejectedKey(drop).startsWith(slotPrefix(drop, rejectedPrefix))).toBe(true);
    expect(manifestKey(dropStem(drop))).toBe(`manifest/${stem}.json`);
    expect(manifestKey('run-7', 'r-1')).toBe('replay/r-1/manifest/run-7.json');
    expect(manifestKey('run-7', null)).toBe('manifest/run-7.json');
    expect(incomingKey('6f1c')).toBe('incoming/6f1c');
  });

  it.each([
    ['Stock complet été 100%.xlsx', 'Stock=20complet=20=C3=A9t=C3=A9=20100=25.xlsx'],
    ['a/b\\c=d.xlsx', 'a=2Fb=5Cc=3Dd.xlsx'],
    ['REPORT.XLSX', 'REPORT.XLSX=.xlsx'],
    ['在庫.xlsx', '=E5=9C=A8=E5=BA=AB.xlsx'],
  ])('write the file name %s as %s', (fileName, safe) => {
    const key = workbookKey({ ...drop, fileName });
    expect(key.endsWith(`-0123456789abcdef-${safe}`)).toBe(true);
    expect(parseArchiveKey(key)).toMatchObject({ fileName });
  });

  it('read back as what they were built from, and need no encoding in a URL but for the equals sign', () => {
    const fileName = fc.oneof(
      fc.string({ minLength: 1, maxLength: 60, unit: 'binary' }),
      fc.string({ minLength: 1, maxLength: 60 }).map((name) => `${name}.xlsx`),
    );
    const run = fc.option(fc.stringMatching(/^[A-Za-z0-9-]{1,64}$/), { nil: undefined });
    const place = {
      date: fc
        .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
        .map((d) => d.toISOString().slice(0, 10)),
      slot: fc
        .tuple(fc.nat(23), fc.nat(59))
        .map((pair) => pair.map((n) => String(n).padStart(2, '0')).join('')),
      modifiedAt: fc.nat(253_402_300_799_999),
      sha256Start: fc.stringMatching(/^[0-9a-f]{16}$/),
      fileName: fileName.filter((name) => name !== '.xlsx'),
    };
    const key = fc.oneof(
      fc.record({ kind: fc.constant('xlsx' as const), ...place }),
      fc.record({ kind: fc.constantFrom('csv' as const, 'rejected' as const), ...place, run }),
      fc.record({
        kind: fc.constant('corrections' as const),
        ...place,
        correctionsStart: fc.stringMatching(/^[0-9a-f]{16}$/),
      }),
      fc.record({
        kind: fc.constant('manifest' as const),
        name: fc.stringMatching(/^[A-Za-z0-9._=-]{1,80}$/),
        run,
      }),
      fc.record({ kind: fc.constant('incoming' as const), id: fc.uuid() }),
    ) as fc.Arbitrary<ArchiveKey>;
    fc.assert(
      fc.property(key, (each) => {
        const built = buildArchiveKey(each);
        expect(parseArchiveKey(built)).toEqual(each);
        expect(built.split('/').map(encodeURIComponent).join('/').replaceAll('%3D', '=')).toBe(built);
        expect(Buffer.byteLength(built)).toBeLessThanOrEqual(1024);
      }),
      { numRuns: 500 },
    );
  });

  it('of a workbook that a person put there have date, slot and name alone', () => {
    for (const fileName of [
      'inventory.xlsx',
      'Été 2026.xlsx',
      '20261120T050007089Z-0123456789abcdef-a=zz.xlsx',
    ]) {
      const key = `xlsx/date=2026-11-20/slot=0600/${fileName}`;
      const parsed = parseArchiveKey(key);
      expect(parsed).toEqual({ kind: 'xlsx', date: '2026-11-20', slot: '0600', fileName });
      expect(buildArchiveKey(parsed)).toBe(key);
    }
  });

  it.each([
    'inventory.xlsx',
    'xlsx/inventory.xlsx',
    'xlsx/date=2026-13-01/slot=0600/inventory.xlsx',
    'xlsx/date=2026-11-20/slot=2500/inventory.xlsx',
    'xlsx/date=2026-11-20/slot=0600/sub/inventory.xlsx',
    'xlsx/date=2026-11-20/slot=0600/inventory.csv',
    'csv/date=2026-11-20/slot=0600/inventory.csv',
    'replay/r/xlsx/date=2026-11-20/slot=0600/inventory.xlsx',
    'replay/../manifest/a.json',
    'corrections/date=2026-11-20/slot=0600/20261120T050007089Z-0123456789abcdef-inventory.csv',
    'replay/r/corrections/date=2026-11-20/slot=0600/20261120T050007089Z-0123456789abcdef-a-0123456789abcdef.csv',
    'incoming/a/b',
    '',
    `xlsx/date=2026-11-20/slot=0600/${'a'.repeat(1100)}.xlsx`,
  ])('do not include %s', (key) => {
    expect(() => parseArchiveKey(key)).toThrow(expect.objectContaining({ code: 'ArchiveKeyInvalid' }));
  });

  it('cannot be built from what would not read back', () => {
    const refused = expect.objectContaining({ code: 'ArchiveKeyInvalid' });
    expect(() => workbookKey({ ...drop, fileName: '.xlsx' })).toThrow(refused);
    expect(() => workbookKey({ ...drop, fileName: '\ud800.xlsx' })).toThrow(refused);
    expect(() => workbookKey({ ...drop, fileName: `${'é'.repeat(200)}.xlsx` })).toThrow(refused);
    expect(() => csvKey(drop, 'a/b')).toThrow(refused);
    expect(() => incomingKey('../secret')).toThrow(refused);
    const handPut = { kind: 'xlsx', date: '2026-11-20', slot: '0600', fileName: `${stem}.xlsx` } as const;
    expect(() => buildArchiveKey(handPut)).toThrow(refused);
  });

  it('reach the longest names a file system allows', () => {
    const fileName = `${'é'.repeat(125)}.xlsx`;
    expect(parseArchiveKey(csvKey({ ...drop, fileName }, 'r'.repeat(64)))).toMatchObject({ fileName });
  });
});
