import Papa from 'papaparse';

export interface CsvRecord {
  /** Where it begins in the file, from 1: quoted fields may go over several lines. */
  line: number;
  fields: string[];
}

/**
 * The records of a CSV that fits in memory: RFC 4180, line ends LF or CRLF. Records of nothing but blanks, which spreadsheets
 * leave below a table, are left out.
 *
 * @throws what `fault` makes of the line and of what is wrong with its quotes
 */
export function readCsv(
  text: string,
  delimiter: ',' | ';',
  fault: (line: number, why: string) => Error,
): CsvRecord[] {
  const { data, errors } = Papa.parse<string[]>(text, { delimiter, fastMode: false });
  const records: CsvRecord[] = [];
  let line = 1;
  for (const [index, fields] of data.entries()) {
    const wrong = errors.find((error) => error.type === 'Quotes' && error.row === index);
    if (wrong) throw fault(line, wrong.message.toLowerCase());
    if (fields.some((field) => field.trim() !== '')) records.push({ line, fields });
    line += 1 + fields.reduce((sum, field) => sum + lineEnds(field), 0);
  }
  return records;
}

const lineEnds = (field: string) => field.match(/\r\n|\n|\r/g)?.length ?? 0;
