import { LabError } from '../../domain/errors.ts';
import type { Checked } from './checks.ts';
import type { Diagram } from './model.ts';
import type { StackTemplate } from './template.ts';

/** The parts of a page that come from the model and the template; the rest is written by people. */
export const pageParts = ['picture', 'steps', 'evidence'] as const;
export type PagePart = (typeof pageParts)[number];

const begin = (part: PagePart) => `<!-- ${part}: written by npm run diagrams -->`;
const end = (part: PagePart) => `<!-- end of ${part} -->`;

/**
 * The page with its generated parts as they should be now; all else stays as it is.
 *
 * @param page the committed `diagrams/<lab>.md`
 * @throws LabError DiagramPageUnmarked
 */
export function pageOf(page: string, diagram: Diagram, template: StackTemplate, checked: Checked): string {
  const parts: Record<PagePart, string> = {
    picture: picturePart(diagram),
    steps: stepsPart(diagram),
    evidence: evidencePart(diagram, template, checked),
  };
  return pageParts.reduce((text, part) => {
    const start = text.indexOf(begin(part));
    const stop = text.indexOf(end(part), start);
    if (start < 0 || stop < 0) {
      const lines = `${begin(part)} and, below it, ${end(part)}`;
      throw new LabError('DiagramPageUnmarked', `diagrams/${diagram.lab}.md: ${part}: ${lines}`);
    }
    return `${text.slice(0, start)}${begin(part)}\n\n${parts[part]}\n\n${text.slice(stop)}`;
  }, page);
}

function picturePart({ lab, title }: Diagram): string {
  return [
    `![${title}](${lab}.drawio.svg)`,
    '',
    `The numbers are those of the [steps](#steps). A dashed line is what no template can show; each other line is shown by`,
    `[the template](#evidence). The picture opens in diagrams.net; to move something for good, move it in`,
    `[${lab}.drawio](${lab}.drawio) and run \`npm run diagrams\`.`,
  ].join('\n');
}

function stepsPart({ steps }: Diagram): string {
  return [...steps]
    .sort((a, b) => a.number - b.number)
    .map(({ number, text }) => `${number}. ${text}`)
    .join('\n');
}

function evidencePart(diagram: Diagram, template: StackTemplate, checked: Checked): string {
  const name = (id: string) => (diagram.nodes[id] ?? diagram.groups[id])?.label.replaceAll('\n', ' ') ?? id;
  const arrows = diagram.arrows.map((arrow) => {
    const { from, to, twoWay, manual } = arrow;
    return [
      `${name(from)} ${twoWay ? '↔' : '→'} ${name(to)}`,
      manual === undefined
        ? shownBy(template, checked, `${from} -> ${to}`)
        : `_not of the template:_ ${manual}`,
    ];
  });
  const omitted = checked.undrawn
    .filter(({ omitted }) => omitted)
    .map(({ path, reason }) => [`\`${path}\``, reason]);
  const waived = checked.waived.map(({ from, to, reason }) => [`${name(from)} → ${name(to)}`, reason]);
  const supporting = new Map<string, Map<string, number>>();
  for (const { type, reason, omitted } of checked.undrawn) {
    if (omitted) continue;
    const types = supporting.get(reason) ?? new Map();
    supporting.set(reason, types.set(type, (types.get(type) ?? 0) + 1));
  }
  return [
    table(['arrow', 'shown in the template by'], arrows),
    ...(waived.length > 0
      ? ['Flows of the template that are not drawn:', table(['flow', 'because'], waived)]
      : []),
    ...(omitted.length > 0 ? ['Resources that are not drawn:', table(['resource', 'because'], omitted)] : []),
    'Nor is what only makes the others work:',
    table(
      ['resources', 'they are'],
      [...supporting].sort().map(([reason, types]) => [countedTypes(types), reason]),
    ),
  ].join('\n\n');
}

const countedTypes = (types: ReadonlyMap<string, number>) =>
  [...types]
    .sort()
    .map(([type, count]) => `${count} \`${type}\``)
    .join(', ');

/** What shows an arrow: each word once, with the constructs that say so. */
export function shownBy(template: StackTemplate, checked: Checked, arrow: string): string {
  const says = new Map<string, Set<string>>();
  for (const { what, by } of checked.evidence.get(arrow) ?? []) {
    const paths = says.get(what) ?? new Set();
    says.set(what, paths.add(`\`${template.resources.get(by)?.path ?? by}\``));
  }
  return [...says].map(([what, paths]) => `${what} (${[...paths].join(', ')})`).join('; ');
}

/** A Markdown table, its columns aligned as the formatter does it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] as number)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(cells[0] as string[]), rule, ...cells.slice(1).map(line)].join('\n');
}
