import { inflateSync } from 'node:zlib';
import { pdfOf, pngOf } from '../../diagrams/engine/export.ts';

/** A box, a drawing in a symbol, and words: all that our pictures are made of. */
const drawing = (inside: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="80" viewBox="0 0 200 80" font-family="Helvetica, Arial">
<defs><symbol id="art" viewBox="0 0 10 10"><path fill="#ed7100" d="M0 0h10v10H0z"/></symbol></defs>
<rect width="200" height="80" fill="#fff"/>${inside}</svg>`;
const words =
  '<text x="100" y="30" font-size="12" text-anchor="middle"><tspan x="100" y="30">Archive: .xlsx</tspan><tspan x="100" y="44">rows → tables</tspan></text>';
const boldWords = '<text x="10" y="70" font-size="12" font-weight="bold">Twice a day</text>';
const icon = '<use href="#art" x="8" y="8" width="24" height="24"/>';

/** Width and height in a PNG's first chunk. */
const sizeOf = (png: Uint8Array) => {
  const view = new DataView(png.buffer, png.byteOffset);
  return { width: view.getUint32(16), height: view.getUint32(20) };
};

describe('a picture as a PNG', () => {
  it('is twice as large as the SVG if nothing is said', () => {
    expect(sizeOf(pngOf(drawing(words)))).toEqual({ width: 400, height: 160 });
  });

  it('has the width that is asked for', () => {
    expect(sizeOf(pngOf(drawing(words), { width: 1000 }))).toEqual({ width: 1000, height: 400 });
  });

  it.each([
    ['words', words],
    ['bold words', boldWords],
    ['icons', icon],
  ])('shows %s', (_what, inside) => {
    expect(Buffer.from(pngOf(drawing(inside)))).not.toEqual(Buffer.from(pngOf(drawing(''))));
  });

  it('shows the same words whatever font the SVG asks for: none of the machine is used', () => {
    const inAnother = drawing(words).replace('Helvetica, Arial', 'DejaVu Sans');
    expect(Buffer.from(pngOf(inAnother))).toEqual(Buffer.from(pngOf(drawing(words))));
  });

  it('is not made of what is no SVG', () => {
    expect(() => pngOf('<html></html>')).toThrow();
  });
});

/** The inflated streams of a PDF, as text with a character a byte. */
function streamsOf(pdf: string): string[] {
  return [...pdf.matchAll(/stream\r?\n(.*?)\r?\nendstream/gs)].flatMap(([, data]) => {
    try {
      return inflateSync(Buffer.from(data as string, 'latin1')).toString('latin1');
    } catch {
      return [];
    }
  });
}

/** A font's own table: glyph numbers to characters. */
function glyphsIn(table: string): string[] {
  const [, list = ''] = /beginbfrange\s+<\w+> <\w+> \[(.*?)\]/s.exec(table) ?? [];
  return [...list.matchAll(/<(\w{4})>/g)].map(([, code = '']) => String.fromCharCode(parseInt(code, 16)));
}

/** What each piece of text on the page says, by the tables of the fonts in the order of their first use. */
function wordsOf(pdf: string): string[] {
  const streams = streamsOf(pdf);
  const tables = streams.filter((stream) => stream.includes('begincmap')).map(glyphsIn);
  const page = streams.find((stream) => stream.includes('BT\n')) ?? '';
  const fonts: string[] = [];
  return [...page.matchAll(/BT\n\/(\w+) (.*?)ET/gs)].map(([, font = '', drawn = '']) => {
    if (!fonts.includes(font)) fonts.push(font);
    const table = tables[fonts.indexOf(font)] ?? [];
    return [...drawn.matchAll(/<(\w{4})>/g)].map(([, glyph = '']) => table[parseInt(glyph, 16)]).join('');
  });
}

describe('a picture as a PDF', () => {
  let pdf: string;
  beforeAll(async () => {
    const bytes = await pdfOf(drawing(words + boldWords + icon), { title: 'High fashion' });
    pdf = Buffer.from(bytes).toString('latin1');
  });

  it('is one page of the size of the SVG, a pixel being 3/4 of a point', () => {
    expect(pdf.match(/\/Type \/Page\b/g)).toHaveLength(1);
    expect(pdf).toMatch(/\/MediaBox \[0 0 150 60\]/);
  });

  it('has words that can be searched, in both weights', () => {
    expect(wordsOf(pdf)).toEqual(['Archive: .xlsx', 'rows → tables', 'Twice a day']);
  });

  it('carries its font, and draws icons as lines and not as pixels', () => {
    expect(pdf).toMatch(/\/BaseFont \/\w+\+Arimo-Regular/);
    expect(pdf).toMatch(/\/BaseFont \/\w+\+Arimo-Bold/);
    expect(pdf).not.toContain('/Subtype /Image');
  });

  it('says its title', () => {
    expect(pdf).toContain('(High fashion)');
    expect(pdf).toContain('/DisplayDocTitle true');
  });

  it('is not made of what is no SVG', async () => {
    await expect(pdfOf('<html></html>')).rejects.toThrow();
  });
});
