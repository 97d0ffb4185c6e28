import { LabError } from '../../domain/errors.ts';
import { type Checked, checkDiagram, type Finding } from './checks.ts';
import { drawioOf } from './drawio.ts';
import { noEdits } from './edits.ts';
import { layOut } from './layout.ts';
import { arrowId, type Diagram } from './model.ts';
import { pageOf, shownBy } from './page.ts';
import type { Picture } from './picture.ts';
import { editsOf } from './read-drawio.ts';
import { type ReadArt, svgOf } from './svg.ts';
import type { StackTemplate } from './template.ts';

/** What is committed for a lab now. */
export interface Committed {
  /** `<lab>.drawio`; none before the first run. */
  readonly drawio?: string;
  /** `<lab>.md` */
  readonly page: string;
}

export interface Generated {
  readonly picture: Picture;
  /** Name of the file below `diagrams/` to what it should hold. */
  readonly files: ReadonlyMap<string, string>;
  /** What a person should know, one line each. */
  readonly remarks: readonly string[];
}

/** All that is wrong with a model, one line each. */
export class DiagramRefused extends Error {
  readonly findings: readonly Finding[];
  /** Each line has its own; that there is one tells the command line to print the message alone. */
  readonly remedy = '';

  constructor(findings: readonly Finding[]) {
    super(findings.map(({ code, value }) => new LabError(code, value).message).join('\n✗ '));
    this.name = findings[0]?.code ?? 'DiagramRefused';
    this.findings = findings;
  }
}

/**
 * A lab's diagram, picture and page, from its model, held against the template. Writes nothing.
 *
 * @throws DiagramRefused with everything that the checks found; LabError where the committed files cannot be used
 */
export function generate(
  diagram: Diagram,
  template: StackTemplate,
  committed: Committed,
  art: ReadArt,
): Generated {
  const checked = checkDiagram(diagram, template);
  if (checked.findings.length > 0) throw new DiagramRefused(checked.findings);
  const { lab } = diagram;
  const edits =
    committed.drawio === undefined ? noEdits : editsOf(committed.drawio, `diagrams/${lab}.drawio`);
  const { picture, remarks } = layOut(diagram, edits, evidenceWords(diagram, template, checked));
  const drawio = drawioOf(picture);
  return {
    picture,
    files: new Map([
      [`${lab}.drawio`, drawio],
      [`${lab}.drawio.svg`, svgOf(picture, drawio, art)],
      [`${lab}.md`, pageOf(committed.page, diagram, template, checked)],
    ]),
    remarks,
  };
}

const evidenceWords = (diagram: Diagram, template: StackTemplate, checked: Checked) =>
  new Map(
    diagram.arrows.map((arrow) => {
      const id = arrowId(arrow);
      return [id, shownBy(template, checked, id).replaceAll('`', '')];
    }),
  );

/**
 * The committed files that are not what they should be.
 *
 * @param held what each file holds now, by name; a missing one is stale, too
 */
export function staleFiles(generated: Generated, held: ReadonlyMap<string, string | undefined>): Finding[] {
  return [...generated.files]
    .filter(([name, text]) => held.get(name) !== text)
    .map(([name]) => ({ code: 'DiagramStale', value: `diagrams/${name}` }));
}
