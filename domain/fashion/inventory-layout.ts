import { type ReportLayout, reportLayout } from './layout.ts';

/** The fashion company's full inventory: one row per article and place, twice a day. */
export const inventoryLayout: ReportLayout = reportLayout({
  name: 'inventory',
  version: '1',
  columns: [
    { name: 'sku', header: 'SKU', type: 'text', required: true, maxBytes: 64 },
    { name: 'style', header: 'Style', type: 'text', required: true, maxBytes: 64 },
    { name: 'description', header: 'Description', type: 'text', maxBytes: 1024 },
    { name: 'category', header: 'Category', type: 'text', required: true, maxBytes: 128 },
    { name: 'colour', header: 'Colour', type: 'text', maxBytes: 128 },
    { name: 'size', header: 'Size', type: 'text', maxBytes: 32 },
    { name: 'location', header: 'Location', type: 'text', required: true, maxBytes: 64 },
    { name: 'on_hand', header: 'On hand', type: 'integer', required: true, range: [0, 10_000_000] },
    { name: 'reserved', header: 'Reserved', type: 'integer', required: true, range: [0, 10_000_000] },
    {
      name: 'unit_price',
      header: 'Unit price',
      type: 'decimal',
      required: true,
      precision: 12,
      scale: 2,
      range: ['0', '9999999.99'],
    },
    { name: 'available_from', header: 'Available from', type: 'date', range: ['1990-01-01', '2099-12-31'] },
    { name: 'discontinued', header: 'Discontinued', type: 'boolean', required: true },
  ],
  key: ['sku', 'location'],
  // One sheet holds 1,048,576 rows at most; a million rows of inline strings inflate to about 900 MB.
  limits: { rows: 1_048_575, inflatedBytes: 2 * 1024 ** 3, distinctStrings: 1_000_000 },
});
