/** Text as it stands in an XML attribute or element; line ends are kept. */
export function escapeXml(text: string): string {
  return text.replace(
    /[&<>"\n\t\r]/g,
    (character) =>
      ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character] ??
      `&#${character.codePointAt(0)};`,
  );
}

/** Attributes with a space before each, in order; undefined ones are left out. */
export function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join('');
}

/** Pixels with at most two decimals, so that a file does not change with a machine's last digit. */
export const px = (value: number): number => Math.round(value * 100) / 100 + 0;

/** A share of a line's length, fine enough for a line as long as a picture is wide. */
export const share = (value: number): number => Math.round(value * 10_000) / 10_000 + 0;
