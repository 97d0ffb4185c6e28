import type { IconName } from './icons.ts';
import type { ArrowId, GroupKind, Side } from './model.ts';

/** Pixels from the top left corner of the picture; y grows downward. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

/**
 * Where something stands at an arrow, as draw.io says it: how far along its line (0 to 1), how many pixels to the left of
 * the line's direction, and how many pixels its middle is off that point.
 */
export interface Beside {
  readonly along: number;
  readonly across: number;
  readonly dx: number;
  readonly dy: number;
}

/** How an arrow runs: where it leaves and enters, as offsets from the middle of a side, and its bends. */
export interface Route {
  readonly out: Side;
  readonly into: Side;
  /** From the edge of the one to the edge of the other, bends between; each part is horizontal or vertical. */
  readonly points: readonly Point[];
}

/**
 * A picture laid out: the one geometry that both writers draw (`drawio.ts`, `svg.ts`) and the check against draw.io's
 * engine compares. All coordinates are absolute.
 *
 * `laid` is what the layout gives by itself. It differs from the rest of an element where someone moved that in
 * diagrams.net, and is written to the file, so that the next run can tell an edit from a layout of earlier.
 */
export interface Picture {
  readonly lab: string;
  readonly stack: string;
  readonly title: string;
  readonly width: number;
  readonly height: number;
  /** From the outermost inward. */
  readonly groups: readonly PlacedGroup[];
  readonly nodes: readonly PlacedNode[];
  readonly arrows: readonly PlacedArrow[];
  readonly steps: readonly PlacedStep[];
}

export interface PlacedGroup {
  readonly id: string;
  readonly kind: GroupKind | 'cloud' | 'region';
  readonly label: string;
  /** The box it stands in; none for the outermost. */
  readonly parent?: string;
  /** Construct paths, for the reader of the file. */
  readonly paths: readonly string[];
  readonly box: Box;
  readonly laid: Box;
}

export interface PlacedNode {
  readonly id: string;
  readonly icon: IconName;
  readonly lines: readonly string[];
  readonly parent?: string;
  readonly paths: readonly string[];
  /** What it is, where it is not of the template. */
  readonly external?: string;
  /** The icon's square; the label hangs below it, centred. */
  readonly box: Box;
  readonly laid: Box;
}

export interface PlacedArrow extends Route {
  readonly id: ArrowId;
  readonly from: string;
  readonly to: string;
  readonly twoWay: boolean;
  /** True where nothing in the template shows it: drawn dashed. */
  readonly manual: boolean;
  /** What shows it, or why it is true all the same; for the reader of the file. */
  readonly evidence: string;
  readonly laid: Route;
  readonly label?: PlacedLabel;
}

export interface PlacedLabel {
  readonly lines: readonly string[];
  readonly beside: Beside;
  readonly laid: Beside;
}

/** A step's number, on a disc. */
export interface PlacedStep {
  readonly number: number;
  readonly arrow: ArrowId;
  readonly beside: Beside;
  readonly laid: Beside;
}
