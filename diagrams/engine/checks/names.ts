import { icons } from '../icons.ts';
import { type ArrowModel, arrowId, type GroupKind, outerGroups } from '../model.ts';
import { hint } from '../suggest.ts';
import type { Finding, Held } from './held.ts';

/** Boxes that an arrow may begin or end at: those that do or hold something, not places. */
const doing: readonly (GroupKind | undefined)[] = ['state-machine', 'auto-scaling', 'premises'];

/** Whether the model agrees with itself: every name it uses is one that it has. The template does not matter. */
export function checkNames(held: Held): Finding[] {
  return [
    ...checkIcons(held),
    ...checkIds(held),
    ...checkBoxes(held),
    ...checkArrowEnds(held),
    ...checkSteps(held),
  ];
}

function checkIcons({ diagram, finding }: Held): Finding[] {
  return Object.entries(diagram.nodes)
    .filter(([, { icon }]) => !Object.hasOwn(icons, icon))
    .map(([id, { icon }]) =>
      finding(
        'DiagramIconUnknown',
        `node ${id}`,
        `"${icon}"${hint('the table has', icon, Object.keys(icons))}`,
      ),
    );
}

function checkIds({ diagram, finding }: Held): Finding[] {
  const taken: readonly string[] = outerGroups;
  const repeated = diagram.arrows
    .filter((arrow, index) => diagram.arrows.slice(0, index).some((other) => sameLine(arrow, other)))
    .map(arrowId);
  return [
    ...Object.keys(diagram.groups)
      .filter((id) => Object.hasOwn(diagram.nodes, id))
      .map((id) => finding('DiagramDrawnTwice', `group ${id}`, 'a node has the same name')),
    ...[...Object.keys(diagram.nodes), ...Object.keys(diagram.groups)]
      .filter((id) => taken.includes(id))
      .map((id) => finding('DiagramDrawnTwice', id, 'every picture has a box of this name')),
    ...repeated.map((id) =>
      finding('DiagramDrawnTwice', `arrow ${id}`, 'there is another between these two; if both hold, twoWay'),
    ),
  ];
}

/** Two that go opposite ways are two lines, unless one of them goes both ways. */
function sameLine(one: ArrowModel, other: ArrowModel): boolean {
  const opposite = one.from === other.to && one.to === other.from;
  return arrowId(one) === arrowId(other) || (opposite && Boolean(one.twoWay || other.twoWay));
}

function checkBoxes({ diagram, elements, finding }: Held): Finding[] {
  const groups = Object.keys(diagram.groups);
  return [...elements.values()].flatMap(({ id, name, kind, boxes }) => {
    const box = (kind === undefined ? diagram.nodes[id] : diagram.groups[id])?.in;
    if (box === undefined) return [];
    if (!groups.includes(box))
      return [
        finding(
          'DiagramNameUnknown',
          name,
          `in "${box}", which is no group${hint('the model has', box, groups)}`,
        ),
      ];
    const round = kind !== undefined && boxes.includes(id);
    return round
      ? [finding('DiagramNameUnknown', name, `stands in itself, by way of ${boxes.join(', ')}`)]
      : [];
  });
}

function checkArrowEnds({ diagram, elements, finding }: Held): Finding[] {
  const unknown = (part: string, end: string) => {
    const element = elements.get(end);
    if (!element)
      return [
        finding(
          'DiagramNameUnknown',
          part,
          `"${end}" is no node or group${hint('the model has', end, elements.keys())}`,
        ),
      ];
    if (element.kind === undefined || doing.includes(element.kind)) return [];
    return [
      finding(
        'DiagramNameUnknown',
        part,
        `"${end}" is a place (${element.kind}), at which no arrow ends; name what stands in it`,
      ),
    ];
  };
  return [
    ...diagram.arrows.flatMap((arrow) =>
      [...new Set([arrow.from, arrow.to])].flatMap((end) => unknown(`arrow ${arrowId(arrow)}`, end)),
    ),
    ...Object.keys(diagram.waive ?? {}).flatMap((key) => {
      const ends = key.split(' -> ');
      return ends.length === 2
        ? ends.flatMap((end) => unknown(`waive ${key}`, end))
        : [finding('DiagramNameUnknown', `waive ${key}`, 'is not of the form "from -> to"')];
    }),
  ];
}

function checkSteps({ diagram, finding }: Held): Finding[] {
  const arrows = diagram.arrows.map(arrowId);
  // One gap puts all numbers after it out: the first says enough.
  const broken = diagram.steps.findIndex(({ number }, index) => number !== index + 1);
  const found = diagram.steps[broken];
  return [
    ...(found
      ? [finding('DiagramStepsBroken', `step ${found.number}`, `stands where number ${broken + 1} should`)]
      : []),
    ...diagram.steps.flatMap(({ number, on, text }) => [
      ...(arrows.includes(on)
        ? []
        : [
            finding(
              'DiagramStepsBroken',
              `step ${number}`,
              `on "${on}", which is no arrow${hint('the model has', on, arrows)}`,
            ),
          ]),
      ...(text.trim() === '' ? [finding('DiagramStepsBroken', `step ${number}`, 'says nothing')] : []),
    ]),
  ];
}
