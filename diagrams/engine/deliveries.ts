import { apart, kinds, none, triedBy } from './deliveries/kinds.ts';
import type { Need } from './deliveries/needs.ts';
import { type Verdict, verdictOn } from './deliveries/policies.ts';
import { edgesOf } from './evidence.ts';
import { madeBefore } from './references.ts';
import type { StackTemplate } from './template.ts';

/** What one service brings to another, and whether all that AWS asks for it is in the template. */
export interface Delivery {
  /** What the evidence calls it, and from where to where by construct path: `alarm action: Operations/LateDrops -> Operations/Alarms`. */
  readonly name: string;
  /** `AWS::CloudWatch::Alarm alarm action`. */
  readonly kind: string;
  readonly permissions: readonly Permission[];
}

export interface Permission extends Verdict {
  /** `sns:Publish on … by cloudwatch.amazonaws.com`, or a setting. */
  readonly needed: string;
}

/** A delivery before anybody has looked at policies. */
export interface Needed extends Omit<Delivery, 'permissions'> {
  readonly needs: readonly Need[];
  /** Logical ids of those who try it as soon as they are made: by then it must be permitted. */
  readonly triedBy: readonly string[];
}

/**
 * Every delivery by a service that the template speaks of, and what AWS asks for it. One of a kind that is not in the table
 * (`deliveries/kinds.ts`) needs a row, which nothing gives.
 *
 * @throws LabError DiagramTemplateUnreadable where the definition of a state machine is no JSON
 */
export function neededBy(template: StackTemplate): Needed[] {
  const found = edgesOf(template)
    .filter(({ kind }) => kind === 'flow' || kind === 'service')
    .flatMap((edge): Needed[] => {
      const by = template.resources.get(edge.by);
      if (!by) return [];
      const kind = `${by.type} ${edge.what.replace(/^task .*$/, 'task')}`;
      const row = kinds[kind];
      const found = row?.(edge, by, template) ?? [];
      // A row that finds nothing to ask does not know this shape of its kind.
      const needs =
        found.length > 0 || row === none ? found : [{ setting: `a row for "${kind}"`, by: undefined }];
      return [
        {
          name: `${edge.what}: ${pathOf(edge.from, template)} -> ${pathOf(edge.to, template)}`,
          kind,
          needs,
          triedBy: triedBy(kind, by, template),
        },
      ];
    });
  const beside = [...template.resources.values()].flatMap((by) =>
    (apart[by.type]?.(by, template) ?? []).map(({ what, to, needs }) => {
      const kind = `${by.type} ${what}`;
      const name = `${what}: ${by.path} -> ${pathOf(to, template)}`;
      return { name, kind, needs, triedBy: triedBy(kind, by, template) };
    }),
  );
  return [...found, ...beside];
}

/** What of the needs is given. @param template whose policies are asked; @param needed @default those of this template */
export function deliveriesOf(template: StackTemplate, needed = neededBy(template)): Delivery[] {
  return needed.map(({ name, kind, needs, triedBy: tries }) => ({
    name,
    kind,
    permissions: needs.map((need) => inTime(permission(need, template), tries, template)),
  }));
}

const pathOf = (id: string, template: StackTemplate) => template.resources.get(id)?.path ?? id;

function permission(need: Need, template: StackTemplate): Permission {
  if ('setting' in need)
    return need.by === undefined
      ? { needed: need.setting, missing: 'it is not so' }
      : { needed: need.setting, by: need.by };
  const who = 'role' in need.as ? pathOf(need.as.role, template) : need.as.service;
  const target = need.owner === undefined ? '' : ` on ${pathOf(need.owner, template)}`;
  return { needed: `${need.action}${target} by ${who}`, ...verdictOn(need, template) };
}

/** A permission that may come after those who need it at once is none. */
function inTime(given: Permission, tries: readonly string[], template: StackTemplate): Permission {
  const givers = (given.by ?? '').split(', ').map((id) => id.split('/')[0] ?? '');
  const late = tries.flatMap((tried) => {
    const before = madeBefore(template, tried).add(tried);
    return givers
      .filter((giver) => template.resources.has(giver) && !before.has(giver))
      .map(
        (giver) =>
          `${pathOf(tried, template)} needs it at once, and ${pathOf(giver, template)} may come later`,
      );
  });
  return late.length === 0 ? given : { needed: given.needed, missing: late.join('; ') };
}

/** Those that are not permitted, for people, each with what is missing. */
export function refused(deliveries: readonly Delivery[]): string[] {
  return deliveries.flatMap(({ name, permissions }) =>
    permissions.flatMap(({ needed, missing }) =>
      missing === undefined ? [] : [`${name}: ${needed}: ${missing}`],
    ),
  );
}
