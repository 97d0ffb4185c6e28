/** Advance widths of Helvetica in thousandths of the font's size, for the characters 32 to 126 (Adobe's metrics). */
const widths = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
  556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
  500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
  556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
  278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/** Pixels that a line of text takes in Helvetica, or in Arial and Arimo, which have the same widths. */
export function textWidth(text: string, fontSize: number): number {
  let thousandths = 0;
  for (const character of text) thousandths += widths[(character.codePointAt(0) ?? 0) - 32] ?? 600;
  return (thousandths * fontSize) / 1000;
}

/** Height of a line in px as draw.io sets it: 14 for a font of 12 px. */
export const lineHeight = (fontSize: number) => Math.round(fontSize * 1.2);

export interface TextSize {
  readonly width: number;
  readonly height: number;
}

/** Pixels that lines of text take. */
export function textSize(lines: readonly string[], fontSize: number): TextSize {
  return {
    width: Math.max(0, ...lines.map((line) => textWidth(line, fontSize))),
    height: lines.length * lineHeight(fontSize),
  };
}
