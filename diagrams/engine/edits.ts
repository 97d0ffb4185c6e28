import type { Beside, Box, Route } from './picture.ts';

/** What people changed in a committed diagram, by the id of the element. All coordinates are absolute. */
export interface Edits {
  /** Ids of what the file holds and we wrote. */
  readonly known: ReadonlySet<string>;
  /** Nodes and boxes that stand elsewhere than they were laid, or have another size. */
  readonly boxes: ReadonlyMap<string, Box>;
  /** Arrows that run elsewhere. */
  readonly routes: ReadonlyMap<string, Route>;
  /** Steps (`step-3`) and labels of arrows (the arrow's id) that were moved. */
  readonly besides: ReadonlyMap<string, Beside>;
  /** Cells that someone drew and no model knows: id and text. */
  readonly foreign: readonly string[];
}

/** For a diagram that is drawn for the first time. */
export const noEdits: Edits = {
  known: new Set(),
  boxes: new Map(),
  routes: new Map(),
  besides: new Map(),
  foreign: [],
};
