import { LabError } from '../errors.ts';
import type { Cell } from '../workbook/sheet-row.ts';
import { cellConverter, type RejectReason, rawCell } from './cells.ts';
import type { Corrections } from './corrections.ts';
import type { CsvWriter } from './csv.ts';
import { writeConverted } from './fields.ts';
import type { Column, ReportLayout } from './layout.ts';
import { type RawRow, sameRow } from './raw-row.ts';

/** A row as it is corrected; `cells` by the layout's columns. */
export interface CorrectedRow {
  /** From 1, as the spreadsheet shows it. */
  number: number;
  cells: Cell[];
}

/**
 * The rows of one report that were bad and are corrected. They are held back until every other row has been judged, so that
 * a corrected row never takes the place of one that was good before.
 */
export class CorrectedRows {
  readonly #corrections: Corrections;
  readonly #layout: ReportLayout;
  readonly #held: CorrectedRow[] = [];

  constructor(corrections: Corrections, layout: ReportLayout) {
    this.#corrections = corrections;
    this.#layout = layout;
  }

  /** True for the number of a row that is to be handed to {@link take} if it is bad. */
  has(number: number): boolean {
    return this.#corrections.has(number);
  }

  /** Of a bad row. `cells` by the layout's columns. Throws CorrectionsForeign when the correction is of another row. */
  take(number: number, cells: readonly (Cell | undefined)[]): void {
    const correction = this.#corrections.get(number);
    if (!correction || !sameRow(rawCells(this.#layout, cells), correction.before))
      throw new LabError('CorrectionsForeign', `row ${number} holds something else`);
    // What the correction leaves stays the workbook's own cell: of an error or a date JSON has the text alone.
    this.#held.push({
      number,
      cells: this.#layout.columns.map(({ name }, i) => {
        const after = correction.after[name] ?? null;
        return Object.is(after, correction.before[name]) ? (cells[i] ?? null) : after;
      }),
    });
  }

  /** In the order of rows, once the last one was read. Throws CorrectionsForeign when a row was not there, or was good. */
  all(): readonly CorrectedRow[] {
    const found = new Set(this.#held.map(({ number }) => number));
    for (const number of this.#corrections.keys())
      if (!found.has(number)) throw new LabError('CorrectionsForeign', `row ${number} is not set aside`);
    return this.#held;
  }
}

/** A row as JSON has it, by the layout's columns. */
export function rawCells(layout: ReportLayout, cells: readonly (Cell | undefined)[]): RawRow {
  return Object.fromEntries(layout.columns.map(({ name }, i) => [name, rawCell(cells[i])]));
}

/** Writes one cell of a {@link CorrectedRow} as a field; why not, if it is a bad one. @param index of the column */
export function cellWriter(column: Column, index: number, date1904: boolean) {
  const convert = cellConverter(column, date1904);
  return (cells: readonly Cell[], _position: number, out: CsvWriter): RejectReason | undefined =>
    writeConverted(convert(cells[index]), out);
}
