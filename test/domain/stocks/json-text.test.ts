import fc from 'fast-check';
import { arrayElements, objectMembers } from '../../../domain/stocks/json-text.ts';

/** JSON as it comes: closely or loosely set, with the escapes that writers choose. */
const jsonOf = (value: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  fc
    .record({
      value,
      space: fc.constantFrom('', ' ', '\n', '\t', '\r\n '),
      ascii: fc.boolean(),
      around: fc.constantFrom('', ' ', '\n\t'),
    })
    .map(({ value, space, ascii, around }) => {
      const text = JSON.stringify(value, null, space);
      const written = ascii
        ? text.replace(/[^\n\r\t -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
        : text;
      return `${around}${written}${around}`;
    });

const anything = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' });
/** Brackets, commas, quotes and backslashes in strings are what a scanner falls over. */
const awkward = fc.string({ unit: fc.constantFrom('"', '\\', ',', ':', '[', ']', '{', '}', ' ', 'u', 'é') });

describe('the elements of an array as they were written', () => {
  it('parse to the elements, each alone and all joined, for any JSON array', () => {
    const arrays = fc.array(fc.oneof(anything, awkward));
    fc.assert(
      fc.property(jsonOf(arrays), (text) => {
        const values = JSON.parse(text);
        const elements = arrayElements(text);
        expect(elements.map((element) => JSON.parse(element))).toEqual(values);
        expect(JSON.parse(`[${elements.join(',')}]`)).toEqual(values);
        for (const element of elements) expect(text).toContain(element);
      }),
    );
  });

  it.each([
    ['[]', []],
    [' [ ] ', []],
    ['[[]]', ['[]']],
    ['[ 126.550,1e2 , -0.0]', ['126.550', '1e2', '-0.0']],
    ['[{"i":9223372036854775807,"p":1.10}]', ['{"i":9223372036854775807,"p":1.10}']],
    ['["\\\\","\\"",",]"]', ['"\\\\"', '"\\""', '",]"']],
    [' [{ "c" : ["@", "]"] } ,\n{}]', ['{ "c" : ["@", "]"] }', '{}']],
    ['["\\u0022,\\/"]', ['"\\u0022,\\/"']],
  ])('%s', (text, elements) => {
    expect(arrayElements(text)).toEqual(elements);
  });

  it('come to an end on what is no JSON', () => {
    fc.assert(fc.property(awkward, (text) => Array.isArray(arrayElements(text))));
  });
});

describe('the members of an object as they were written', () => {
  it('parse to the members, each alone and all joined, for any JSON object', () => {
    const objects = fc.dictionary(fc.oneof(awkward, fc.string()), fc.oneof(anything, awkward));
    fc.assert(
      fc.property(jsonOf(objects), (text) => {
        const members = objectMembers(text);
        const joined = members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',');
        expect(JSON.parse(`{${joined}}`)).toEqual(JSON.parse(text));
        for (const [, value] of members) expect(text).toContain(value);
      }),
    );
  });

  it('keep the forms of numbers and names', () => {
    expect(objectMembers('{ "a\\"b" : 1.50 , "c":{"d":[1.0]}, "":"" }')).toEqual([
      ['a"b', '1.50'],
      ['c', '{"d":[1.0]}'],
      ['', '""'],
    ]);
    expect(objectMembers('{}')).toEqual([]);
  });
});
