import { buffer } from 'node:stream/consumers';
import { Resvg } from '@resvg/resvg-js';
import PDFDocument from 'pdfkit';
import svgToPdf from 'svg-to-pdfkit';
import { fontFiles } from './fonts.ts';

/** A CSS pixel is 1/96 inch, a point of PDF 1/72. */
const pointsPerPixel = 72 / 96;

/** An SVG as resvg reads it, with our font and no other. */
function read(svg: string, width?: number): Resvg {
  return new Resvg(svg, {
    ...(width === undefined ? {} : { fitTo: { mode: 'width', value: width } }),
    font: {
      loadSystemFonts: false,
      fontFiles: [fontFiles.regular, fontFiles.bold],
      defaultFontFamily: fontFiles.family,
      sansSerifFamily: fontFiles.family,
    },
  });
}

/**
 * An SVG as a PNG.
 *
 * @param options.width in pixels. @default twice the SVG's own: sharp on a dense screen
 * @throws Error where the text is no SVG that has a size
 */
export function pngOf(svg: string, options: { width?: number } = {}): Uint8Array {
  const width = options.width ?? 2 * read(svg).width;
  return read(svg, width).render().asPng();
}

/**
 * An SVG as a PDF of one page of its size: lines stay lines, words can be selected and searched.
 *
 * @param options.title what a reader's window says
 * @throws Error where the text is no SVG that has a size
 */
export async function pdfOf(svg: string, options: { title?: string } = {}): Promise<Uint8Array> {
  const { width, height } = read(svg);
  const document = new PDFDocument({
    size: [width * pointsPerPixel, height * pointsPerPixel],
    margin: 0,
    ...(options.title === undefined ? {} : { info: { Title: options.title }, displayTitle: true }),
  });
  const bytes = buffer(document as unknown as NodeJS.ReadableStream);
  document.registerFont('regular', fontFiles.regular);
  document.registerFont('bold', fontFiles.bold);
  svgToPdf(document, svg, 0, 0, { fontCallback: (_family, bold) => (bold ? 'bold' : 'regular') });
  document.end();
  return new Uint8Array(await bytes);
}
