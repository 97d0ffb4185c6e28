import { ignorableReason } from '../ignorable.ts';
import { hint } from '../suggest.ts';
import type { TemplateResource } from '../template.ts';
import { covers, type Element, type Finding, type Held, listed, spoken } from './held.ts';

/** A resource that is not in the picture. */
export interface Undrawn {
  readonly path: string;
  readonly type: string;
  readonly reason: string;
  /** True where the model says why; false where its type need not be drawn. */
  readonly omitted: boolean;
}

/** Whether each element stands for resources that exist, of its type, and alone. */
export function checkPaths(held: Held): Finding[] {
  return [...held.elements.values()].flatMap((element) => {
    if (!element.external && element.paths.length === 0)
      return [held.finding('DiagramPathUnknown', element.name, 'names no path')];
    return element.paths.flatMap((path) => checkPath(path, element, held));
  });
}

function checkPath(path: string, { id, name, types, kind }: Element, held: Held): Finding[] {
  const { diagram, template, drawn, elements, finding } = held;
  const there = [...template.resources.values()].filter((resource) => covers(path, resource));
  const meant = path.endsWith('/*') ? there.filter(({ type }) => types?.includes(type)) : there;
  // What an unknown icon stands for is not known, and a finding already.
  if (meant.length === 0) return types || there.length === 0 ? [missing(path, name, held)] : [];
  return meant.flatMap((resource) => {
    const other = elements.get(drawn.get(resource.logicalId) ?? '');
    return [
      ...(types && !types.includes(resource.type)
        ? [
            finding(
              'DiagramTypeMismatch',
              name,
              `${spoken(resource)}; ${kind ?? diagram.nodes[id]?.icon} stands for ${types.join(', ') || 'no resource'}`,
            ),
          ]
        : []),
      ...(other && other.id !== id
        ? [finding('DiagramDrawnTwice', name, `${spoken(resource)} is drawn by ${other.name} as well`)]
        : []),
    ];
  });
}

/** Nothing of this path: no construct, or one that is no resource. */
function missing(path: string, name: string, { template, finding }: Held): Finding {
  const { constructs, resources } = template;
  const construct = path.replace(/\/\*$/, '');
  if (!constructs.has(construct))
    return finding('DiagramPathUnknown', name, `"${path}"${hint('the template has', construct, constructs)}`);
  const below = [...resources.values()].filter((resource) => covers(`${construct}/*`, resource));
  return finding(
    'DiagramResourceMissing',
    name,
    below.length === 0
      ? `"${path}" has nothing below it`
      : `"${path}"; below it are ${listed(below.map(spoken))}`,
  );
}

/** Whether each resource is drawn, or there is a reason why not; and whether each reason is needed. */
export function checkUndrawn(held: Held): { findings: Finding[]; undrawn: Undrawn[] } {
  const { diagram, template, drawn, finding } = held;
  const absent = [...template.resources.values()].filter(({ logicalId }) => !drawn.has(logicalId));
  // The narrowest row says why.
  const rows = Object.keys(diagram.omit).sort((one, other) => other.length - one.length);
  const findings: Finding[] = [];
  const undrawn: Undrawn[] = [];
  const used = new Set<string>();
  for (const resource of absent) {
    const { path, type } = resource;
    const ignorable = ignorableReason(resource);
    const matching = rows.filter((row) => covers(row, resource));
    const reason = diagram.omit[matching[0] ?? ''];
    if (ignorable !== undefined) undrawn.push({ path, type, reason: ignorable, omitted: false });
    else if (reason === undefined)
      findings.push(
        finding('DiagramResourceUndrawn', `resource ${path}`, `${type}, in the stack ${template.stack}`),
      );
    else {
      undrawn.push({ path, type, reason, omitted: true });
      for (const row of matching) used.add(row);
    }
  }
  const stale = Object.entries(diagram.omit).flatMap(([row, reason]) => {
    if (!used.has(row)) return [finding('DiagramReasonStale', `omit ${row}`, notUsed(row, held))];
    return reason.trim() === '' ? [finding('DiagramReasonStale', `omit ${row}`, 'the reason is empty')] : [];
  });
  return { findings: [...findings, ...stale], undrawn };
}

function notUsed(row: string, { template, drawn, elements }: Held): string {
  const covered = [...template.resources.values()].filter((resource) => covers(row, resource));
  const construct = row.replace(/\/\*$/, '');
  if (covered.length === 0)
    return template.constructs.has(construct)
      ? 'this is a construct and no resource; Path/* means what is below it'
      : `the template has nothing there${hint('it has', construct, template.constructs)}`;
  const shown = covered.find(({ logicalId }) => drawn.has(logicalId));
  if (shown) return `${spoken(shown)} is drawn by ${elements.get(drawn.get(shown.logicalId) ?? '')?.name}`;
  const [first] = covered as [TemplateResource];
  return `${spoken(first)} need not be drawn: ${ignorableReason(first)}`;
}
