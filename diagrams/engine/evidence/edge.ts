import type { StackTemplate, TemplateResource } from '../template.ts';

/** Something that the template says of two resources. */
export interface Edge {
  /** Logical ids. */
  readonly from: string;
  readonly to: string;
  /**
   * - flow: data or events go this way; must be drawn where both ends are drawn.
   * - grant: a policy lets it happen.
   * - network: a way through the network, or a mounted volume.
   * - service: what the service of a resource does by itself for it: writes its log, reads its secret.
   * - watch: an alarm or a dashboard watches a metric of it, a catalog describes it.
   *
   * All but flow are evidence for an arrow and never a reason to draw one.
   */
  readonly kind: 'flow' | 'grant' | 'network' | 'service' | 'watch';
  /** Logical id of the resource that says so. */
  readonly by: string;
  /** For people: `rule target`, `may write: s3:PutObject`. */
  readonly what: string;
}

/** What a resource of one type says. */
export type Reader = (resource: TemplateResource, template: StackTemplate) => Edge[];

/** From each to each; nothing from a resource to itself. */
export function edges(
  kind: Edge['kind'],
  by: string,
  what: string,
  from: Iterable<string>,
  to: Iterable<string>,
): Edge[] {
  const ends = [...to];
  return [...from].flatMap((start) =>
    ends.filter((end) => end !== start).map((end) => ({ from: start, to: end, kind, by, what })),
  );
}

/** The same in both directions. */
export function bothWays(
  kind: Edge['kind'],
  by: string,
  what: string,
  ones: Iterable<string>,
  others: Iterable<string>,
): Edge[] {
  const [left, right] = [[...ones], [...others]];
  return [...edges(kind, by, what, left, right), ...edges(kind, by, what, right, left)];
}
