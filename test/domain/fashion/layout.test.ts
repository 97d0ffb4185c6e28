import { inventoryLayout } from '../../../domain/fashion/inventory-layout.ts';
import { type Column, type ReportLayout, reportLayout, sqlColumns } from '../../../domain/fashion/layout.ts';

const base: ReportLayout = {
  name: 'stores',
  version: '1',
  columns: [
    { name: 'store', header: 'Store', type: 'text', required: true, maxBytes: 16 },
    { name: 'opened', header: 'Opened', type: 'date', range: ['2000-01-01', '2050-01-01'] },
    { name: 'rent', header: 'Rent', type: 'decimal', precision: 9, scale: 2, range: ['0', '100000.00'] },
    { name: 'staff', header: 'Staff', type: 'integer', range: [0, 500] },
  ],
  key: ['store'],
  limits: { rows: 100, inflatedBytes: 1e6, distinctStrings: 100 },
};
const withColumn = (column: Partial<Column>): ReportLayout => ({
  ...base,
  columns: [...base.columns, { name: 'extra', header: 'Extra', type: 'boolean', ...column }],
});

describe('a layout', () => {
  it('is taken when nothing in it contradicts', () => {
    expect(reportLayout(base)).toBe(base);
    expect(reportLayout(withColumn({}))).toBeDefined();
  });

  it.each<[string, ReportLayout, RegExp]>([
    ['a name twice', withColumn({ name: 'store' }), /name store twice/],
    ['a header twice but for case and blanks', withColumn({ header: ' STORE ' }), /header store twice/],
    ['a key that is no column', { ...base, key: ['shop'] }, /key shop is no column/],
    ['a key that may be blank', { ...base, key: ['staff'] }, /key staff is not required/],
    ['a name that is not SQL', withColumn({ name: 'Extra column' }), /columns\.4\.name/],
    ['a text without maxBytes', withColumn({ type: 'text' }), /maxBytes is for text/],
    ['a decimal without scale', withColumn({ type: 'decimal', precision: 3 }), /precision and scale/],
    [
      'a scale above the precision',
      withColumn({ type: 'decimal', precision: 3, scale: 4 }),
      /scale above precision/,
    ],
    [
      'a range upside down',
      withColumn({ type: 'integer', range: [5, 1] }),
      /\[5,1\] is not two integers in order/,
    ],
    ['a range of another type', withColumn({ type: 'date', range: [1, 2] }), /is not two dates/],
    [
      'a date that does not exist',
      withColumn({ type: 'date', range: ['2026-02-30', '2026-03-01'] }),
      /two dates/,
    ],
    [
      'a decimal range finer than the scale',
      withColumn({ type: 'decimal', precision: 5, scale: 1, range: ['0.05', '1'] }),
      /two decimals of its scale/,
    ],
    ['a range of booleans', withColumn({ range: [0, 1] }), /a range is not for boolean/],
    ['no columns', { ...base, columns: [], key: ['store'] }, /columns/],
    ['limits of nothing', { ...base, limits: { ...base.limits, rows: 0 } }, /limits\.rows/],
  ])('with %s is refused', (_what, layout, message) => {
    expect(() => reportLayout(layout)).toThrow(expect.objectContaining({ code: 'LayoutInvalid' }));
    expect(() => reportLayout(layout)).toThrow(message);
  });

  it('names every contradiction at once', () => {
    expect(() => reportLayout({ ...withColumn({ name: 'store', header: 'Store' }), key: ['shop'] })).toThrow(
      /name store twice, header store twice, key shop is no column/,
    );
  });

  it('gives the columns of its table', () => {
    expect(sqlColumns(inventoryLayout)).toEqual([
      'sku VARCHAR(64) NOT NULL',
      'style VARCHAR(64) NOT NULL',
      'description VARCHAR(1024)',
      'category VARCHAR(128) NOT NULL',
      'colour VARCHAR(128)',
      'size VARCHAR(32)',
      'location VARCHAR(64) NOT NULL',
      'on_hand BIGINT NOT NULL',
      'reserved BIGINT NOT NULL',
      'unit_price DECIMAL(12,2) NOT NULL',
      'available_from DATE',
      'discontinued BOOLEAN NOT NULL',
    ]);
  });
});
