import { companionsOf } from '../companions.ts';
import { type Edge, edgesOf } from '../evidence.ts';
import { type ArrowModel, arrowId } from '../model.ts';
import { type Finding, type Held, listed } from './held.ts';

/** A flow of the template that the picture leaves out, by the ids of its ends. */
export interface Waived {
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  readonly edges: readonly Edge[];
}

/** An edge, and the elements that stand for its ends. */
interface Shown {
  readonly edge: Edge;
  readonly from: ReadonlySet<string>;
  readonly to: ReadonlySet<string>;
}

/** Evidence is told from the strongest. */
const strength: Readonly<Record<Edge['kind'], number>> = {
  flow: 0,
  grant: 1,
  service: 2,
  watch: 3,
  network: 4,
};

/** Whether the template shows each arrow, and the picture each flow. */
export function checkArrows(held: Held): {
  findings: Finding[];
  evidence: Map<string, readonly Edge[]>;
  waived: Waived[];
} {
  const edges = edgesOf(held.template)
    .sort((one, other) => strength[one.kind] - strength[other.kind])
    .map((edge) => shown(edge, held))
    .filter(({ from, to }) => from.size > 0 && to.size > 0);
  const proven = checkProof(edges, held);
  const flows = checkFlows(edges, held);
  return { ...proven, ...flows, findings: [...proven.findings, ...flows.findings] };
}

/** What is true of a resource is true of what a picture shows as one with it; between two such, each is itself. */
function shown(edge: Edge, { template, drawn }: Held): Shown {
  const apart = !companionsOf(template, edge.from).has(edge.to);
  const elements = (id: string) =>
    new Set(
      [...(apart ? companionsOf(template, id) : [id])].flatMap((one) => {
        const element = drawn.get(one);
        return element === undefined ? [] : [element];
      }),
    );
  return { edge, from: elements(edge.from), to: elements(edge.to) };
}

function checkProof(edges: readonly Shown[], held: Held) {
  const { diagram, elements, finding } = held;
  const findings: Finding[] = [];
  const evidence = new Map<string, readonly Edge[]>();
  const between = (from: string, to: string) =>
    edges.filter((shown) => shown.from.has(from) && shown.to.has(to)).map(({ edge }) => edge);
  for (const arrow of diagram.arrows) {
    const { from, to, manual, twoWay = false } = arrow;
    const id = arrowId(arrow);
    const part = `arrow ${id}`;
    const ways = [between(from, to), ...(twoWay ? [between(to, from)] : [])];
    const isProven = ways.every((way) => way.length > 0);
    evidence.set(id, manual === undefined ? ways.flat() : []);
    // An end that the model lacks is a finding already.
    if (!elements.has(from) || !elements.has(to)) continue;
    if (manual !== undefined) {
      if (manual.trim() === '') findings.push(finding('DiagramReasonStale', part, 'manual is empty'));
      else if (isProven)
        findings.push(
          finding(
            'DiagramReasonStale',
            part,
            `manual, but the template shows it: ${told(ways.flat(), held)}`,
          ),
        );
    } else if (!isProven) findings.push(finding('DiagramArrowUnproven', part, unproven(arrow, ways, held)));
  }
  return { findings, evidence };
}

function unproven(
  { from, to, twoWay = false }: ArrowModel,
  ways: readonly (readonly Edge[])[],
  { elements }: Held,
): string {
  const outside = [from, to].find((end) => elements.get(end)?.external);
  if (outside !== undefined) return `${outside} is not of the template; say in manual why it is true`;
  if (from === to) return 'begins and ends at the same element';
  if (!twoWay) return 'no flow, grant or way through the network goes from the one to the other';
  const missing = [`${from} -> ${to}`, `${to} -> ${from}`].filter((_, index) => ways[index]?.length === 0);
  return `twoWay, but nothing shows ${missing.join(' or ')}`;
}

function checkFlows(edges: readonly Shown[], held: Held) {
  const { diagram, finding } = held;
  const arrows = new Set(
    diagram.arrows.flatMap(({ from, to, twoWay }) =>
      twoWay ? [`${from} -> ${to}`, `${to} -> ${from}`] : [`${from} -> ${to}`],
    ),
  );
  const waive: Readonly<Record<string, string | undefined>> = diagram.waive ?? {};
  const undrawn = new Map<string, Edge[]>();
  for (const flow of edges) {
    if (flow.edge.kind !== 'flow' || saidOtherwise(flow, held)) continue;
    const pairs = [...flow.from].flatMap((from) => [...flow.to].map((to) => `${from} -> ${to}`));
    if (pairs.some((pair) => arrows.has(pair))) continue;
    const pair = pairs.find((pair) => Object.hasOwn(waive, pair)) ?? (pairs[0] as string);
    undrawn.set(pair, [...(undrawn.get(pair) ?? []), flow.edge]);
  }
  const waived: Waived[] = [];
  const findings: Finding[] = [];
  for (const [pair, said] of undrawn) {
    const [from = '', to = ''] = pair.split(' -> ');
    const reason = Object.hasOwn(waive, pair) ? waive[pair] : undefined;
    if (reason !== undefined) waived.push({ from, to, reason, edges: said });
    else findings.push(finding('DiagramEdgeUndrawn', `flow ${pair}`, told(said, held)));
  }
  for (const [pair, reason = ''] of Object.entries(waive)) {
    const part = `waive ${pair}`;
    if (reason.trim() === '') findings.push(finding('DiagramReasonStale', part, 'the reason is empty'));
    else if (arrows.has(pair)) findings.push(finding('DiagramReasonStale', part, 'the arrow is drawn'));
    else if (!undrawn.has(pair) && isBetween(pair, held))
      findings.push(finding('DiagramReasonStale', part, 'the template has no such flow that wants an arrow'));
  }
  return { findings, waived };
}

/** Whether a waived flow is one between elements of the model; that it is not is a finding already. */
function isBetween(pair: string, { elements }: Held): boolean {
  const ends = pair.split(' -> ');
  return ends.length === 2 && ends.every((end) => elements.has(end));
}

/**
 * A flow within one element, one between a workflow and what stands in its box, and one that goes through something else
 * that is drawn, need no arrow of their own.
 */
function saidOtherwise({ edge, from, to }: Shown, { elements, drawn }: Held): boolean {
  const within = (inner: string, outer: string) =>
    elements.get(outer)?.kind === 'state-machine' && elements.get(inner)?.boxes.includes(outer);
  const by = drawn.get(edge.by);
  return (
    (by !== undefined && !from.has(by) && !to.has(by)) ||
    [...from].some((one) =>
      [...to].some((other) => one === other || within(one, other) || within(other, one)),
    )
  );
}

/** `rule target (Archived)` */
function told(edges: readonly Edge[], { template }: Held): string {
  const words = edges.map(({ what, by }) => `${what} (${template.resources.get(by)?.path ?? by})`);
  return listed([...new Set(words)]);
}
