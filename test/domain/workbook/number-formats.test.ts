import { dateStyles, isBuiltInDate, isDateFormat } from '../../../domain/workbook/number-formats.ts';

describe('a number format', () => {
  it.each([
    'yyyy-mm-dd',
    'd/m/yy',
    '[$-409]d-mmm-yy;@',
    'h:mm AM/PM',
    '[h]:mm:ss',
    '[ss]',
    '[Red]dd.mm.yyyy',
    'yyyy"年"m"月"d"日"',
    '[$-411]ggge"年"',
    '"on "dddd',
    '\\d d',
    'MM/DD/YYYY',
  ])('%s shows dates', (code) => {
    expect(isDateFormat(code)).toBe(true);
  });

  it.each([
    'General',
    '0.00',
    '#,##0.00 [$€-407]',
    '[Red]-0.00',
    '[Magenta]0',
    '0.00E+00',
    '##0.0e-0',
    '"dmy"0',
    '0 "days"',
    '\\d0\\h',
    '_d0*m',
    '@',
    '[>=100]0;[Black]0',
    '[DBNum1]0',
    '"unfinished d',
    '',
  ])('%s does not', (code) => {
    expect(isDateFormat(code)).toBe(false);
  });

  it('may be built in', () => {
    const ids = Array.from({ length: 164 }, (_, id) => id).filter(isBuiltInDate);
    const range = (first: number, last: number) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i);
    expect(ids).toEqual([
      ...range(14, 22),
      ...range(27, 36),
      ...range(45, 47),
      ...range(50, 58),
      ...range(71, 81),
    ]);
  });

  it('is found by the style of a cell, and not by the styles that others are based on', () => {
    const styles = `<x:styleSheet xmlns:x="urn:x"><x:numFmts count="2"><x:numFmt numFmtId="164" formatCode="yyyy&quot;-&quot;mm"/>
      <x:numFmt formatCode='0.0' numFmtId='15'/></x:numFmts><x:cellStyleXfs><x:xf numFmtId="14"/></x:cellStyleXfs>
      <x:cellXfs count="5"><x:xf numFmtId="0"><x:alignment/></x:xf><x:xf numFmtId="14"/><x:xf numFmtId="164" /><x:xf numFmtId="15"/><x:xf/></x:cellXfs>
      <x:dxfs><x:dxf><x:numFmt numFmtId="0" formatCode="d"/></x:dxf></x:dxfs></x:styleSheet>`;
    expect([...dateStyles(styles)]).toEqual([0, 1, 1, 0, 0]);
    expect([...dateStyles('<styleSheet/>')]).toEqual([]);
  });
});
