/**
 * The texts of the parts of a JSON text, each exactly as it was written: `126.550` stays `126.550`, an id beyond 2^53
 * keeps its digits. Reading a message and writing it again would change both, and what is archived is what was sent.
 *
 * The text is taken to be JSON: let JSON.parse look at it first (it is several times as fast as a check in here would be).
 */

const quote = 0x22;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Index of the quote that ends the string whose first quote is at `from`: the next that no odd run of backslashes escapes. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text[before] === '\\') before -= 1;
    if ((end - before) % 2 === 1) return end;
  }
  return text.length;
}

/** What stands between the outermost brackets, cut at the commas that are in no inner bracket and no string. */
function pieces(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = endOfString(text, at);
        break;
      case openBracket:
      case openBrace:
        depth += 1;
        if (depth === 1) start = at + 1;
        break;
      case comma:
        if (depth === 1) {
          found.push(text.slice(start, at).trim());
          start = at + 1;
        }
        break;
      case closeBracket:
      case closeBrace:
        depth -= 1;
        if (depth === 0) {
          const last = text.slice(start, at).trim();
          if (last !== '') found.push(last);
        }
        break;
    }
  }
  return found;
}

/**
 * The elements of a JSON array, each as it was written, without the white space around it.
 *
 * @param text JSON of an array
 */
export function arrayElements(text: string): string[] {
  return pieces(text);
}

/**
 * The members of a JSON object in their order: the name, and the value as it was written. A name that occurs twice is
 * here twice.
 *
 * @param text JSON of an object
 */
export function objectMembers(text: string): [name: string, value: string][] {
  return pieces(text).map((piece) => {
    const end = endOfString(piece, 0) + 1;
    return [JSON.parse(piece.slice(0, end)), piece.slice(piece.indexOf(':', end) + 1).trim()];
  });
}
