import type { IconName } from './icons.ts';
import type { GroupKind, Side } from './model.ts';

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
 * A picture laid out: the one geometry that both writers draw (`drawio.ts`, `svg.ts`) and the check against draw.io's
 * engine compares. All coordinates are absolute.
 *
 * `laid` is where the layout would put an element, whatever people did to it; it equals the rest unless someone moved
 * the element in diagrams.net.
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
  /** Room that the label takes. */
  readonly labelBox: Box;
}

export interface PlacedArrow {
  /** `from -> to` */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly twoWay: boolean;
  /** True where nothing in the template shows it: drawn dashed. */
  readonly manual: boolean;
  /** From the edge of the one to the edge of the other, bends between them; each part is horizontal or vertical. */
  readonly points: readonly Point[];
  readonly out: Side;
  readonly into: Side;
  /** Bends that someone drew in diagrams.net, absolute. */
  readonly edited: boolean;
  readonly laid: readonly Point[];
  readonly label?: { readonly lines: readonly string[]; readonly box: Box };
}

export interface PlacedStep {
  readonly number: number;
  /** The arrow it is said at. */
  readonly arrow: string;
  /** The disc. */
  readonly box: Box;
}
