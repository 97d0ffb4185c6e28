import type { IconName } from './icons.ts';

/**
 * One lab's picture, as data: `diagrams/<lab>.diagram.ts` exports one, made by `defineDiagram`.
 *
 * People own where things stand; the template owns what exists, of which type, and what the arrows claim. Every word in
 * here is held against the synthesized template (`checks.ts`).
 */
export interface Diagram<Node extends string = string, Group extends string = string> {
  /** The lab's slug: names the files. */
  readonly lab: string;
  /** The stack whose template the picture shows. */
  readonly stack: string;
  /** The heading in the picture, and its text for those who do not see it. */
  readonly title: string;
  /** Boxes beside the AWS Cloud and the Region, which every picture has. */
  readonly groups: Readonly<Record<Group, GroupModel<NoInfer<Group>>>>;
  readonly nodes: Readonly<Record<Node, NodeModel<NoInfer<Group>>>>;
  readonly arrows: readonly ArrowModel<NoInfer<Node | Group>>[];
  /** The narrative: number n is said at its arrow in the picture, and n-th on the page. */
  readonly steps: readonly StepModel<NoInfer<Node | Group>>[];
  /**
   * Resources that are not drawn, each with its reason. A construct path from the stack, or `Path/*` for all that is below
   * it.
   */
  readonly omit: Readonly<Record<string, string>>;
  /** Data and event edges of the template between drawn nodes that are not drawn, each with its reason. */
  readonly waive?: Readonly<Partial<Record<ArrowId<NoInfer<Node | Group>>, string>>>;
}

/** An arrow by its ends; two arrows between the same ends do not exist. */
export type ArrowId<End extends string = string> = `${End} -> ${End}`;

/** Column and row on the grid, from 0; a half stands between two. */
export type Cell = readonly [column: number, row: number];

export type Side = 'left' | 'right' | 'top' | 'bottom';

interface Drawn<Group extends string> {
  readonly icon: IconName;
  /** Below the icon; `\n` begins a line. At most three lines. */
  readonly label: string;
  /** The innermost box it stands in. @default the Region; nothing for what is external */
  readonly in?: Group;
  /** @default a free cell, and the run says which */
  readonly at?: Cell;
}

/** What stands for one or more resources of the template. */
export interface ResourceNodeModel<Group extends string = string> extends Drawn<Group> {
  /**
   * Construct path from the stack, without the last `Resource` or `Default`: `Archive/Bucket`. Several where one icon
   * stands for all of them; `Operations/*` means each resource below it that the icon can stand for.
   */
  readonly path: string | readonly string[];
}

/** What is not of the template: the client's server, a person. */
export interface ExternalNodeModel<Group extends string = string> extends Drawn<Group> {
  /** What it is, and whose. */
  readonly external: string;
}

export type NodeModel<Group extends string = string> = ResourceNodeModel<Group> | ExternalNodeModel<Group>;

/** Boxes that have an `in` stand in another; the others stand in the Region, `premises` outside of AWS. */
export type GroupModel<Group extends string = string> = {
  readonly label: string;
  readonly in?: Group;
} & (
  | {
      readonly kind:
        | 'vpc'
        | 'public-subnet'
        | 'private-subnet'
        | 'security-group'
        | 'auto-scaling'
        | 'state-machine';
      /** As for nodes: the VPC, the subnets (all that the box stands for), the group, the state machine. */
      readonly path: string | readonly string[];
    }
  | {
      /** Somebody's own rooms. */
      readonly kind: 'premises';
    }
);

export type GroupKind = GroupModel['kind'];

export interface ArrowModel<End extends string = string> {
  readonly from: End;
  readonly to: End;
  /** Beside the line; `\n` begins a line. */
  readonly label?: string;
  /** Data goes both ways: a head at both ends, and evidence for both. @default false */
  readonly twoWay?: boolean;
  /** Why the template holds no evidence for it. Anything with an external end needs one. */
  readonly manual?: string;
  /** Where the line leaves and enters. @default the sides that face each other */
  readonly out?: Side;
  readonly into?: Side;
  /** Where a line with two bends has its middle part: a column, or for a vertical start a row. @default half way */
  readonly bend?: number;
  /** Units of 14 px by which the line is moved sideways, to run beside another. @default 0 */
  readonly lane?: number;
}

export interface StepModel<End extends string = string> {
  /** From 1, without a gap. */
  readonly number: number;
  /** The arrow where the picture shows the number. */
  readonly on: ArrowId<End>;
  /** What happens, in one or two sentences, Markdown. */
  readonly text: string;
}

/** The boxes that every picture has. */
export const outerGroups = ['cloud', 'region'] as const;

/** Types the ids: an arrow, step or box that names none of the nodes and groups does not compile. */
export function defineDiagram<const Node extends string, const Group extends string = never>(
  diagram: Diagram<Node, Group>,
): Diagram {
  return diagram as unknown as Diagram;
}

export const arrowId = (arrow: Pick<ArrowModel, 'from' | 'to'>): ArrowId => `${arrow.from} -> ${arrow.to}`;

/** The paths of a node or group as a list; none for what is external. */
export function pathsOf(element: NodeModel | GroupModel): readonly string[] {
  return 'path' in element ? [element.path].flat() : [];
}
