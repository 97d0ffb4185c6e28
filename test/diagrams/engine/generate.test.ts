import { XMLParser } from 'fast-xml-parser';
import { DiagramRefused, type Generated, generate, staleFiles } from '../../../diagrams/engine/generate.ts';
import type { Diagram } from '../../../diagrams/engine/model.ts';
import { diagramIn } from '../../../diagrams/engine/shape.ts';
import { stackTemplate } from '../../../diagrams/engine/template.ts';
import { smallDiagram } from './small-diagram.ts';

const template = stackTemplate(
  'Small',
  {
    Vpc: { Type: 'AWS::EC2::VPC' },
    Subnet: { Type: 'AWS::EC2::Subnet', Properties: { VpcId: { Ref: 'Vpc' } } },
    Bucket: {
      Type: 'AWS::S3::Bucket',
      Properties: {
        NotificationConfiguration: {
          LambdaConfigurations: [
            { Event: 's3:ObjectCreated:*', Function: { 'Fn::GetAtt': ['Work', 'Arn'] } },
          ],
        },
      },
    },
    Work: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
        VpcConfig: { SubnetIds: [{ Ref: 'Subnet' }] },
      },
    },
    Role: {
      Type: 'AWS::IAM::Role',
      Properties: {
        Policies: [
          {
            PolicyDocument: {
              Statement: [
                {
                  Effect: 'Allow',
                  Action: 'dynamodb:PutItem',
                  Resource: { 'Fn::GetAtt': ['Table', 'Arn'] },
                },
              ],
            },
          },
        ],
      },
    },
    Table: { Type: 'AWS::DynamoDB::Table' },
  },
  { Vpc: 'Vpc', Subnet: 'Vpc/Subnet', Bucket: 'Bucket', Work: 'Work', Role: 'Role', Table: 'Table' },
);
const part = (name: string) => `<!-- ${name}: written by npm run diagrams -->\nold\n<!-- end of ${name} -->`;
const page = `# Small\n\n${part('picture')}\n\nWords of people.\n\n${part('steps')}\n\n${part('evidence')}\n`;
const art = () => '<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>';
const run = (diagram: Diagram = smallDiagram, drawio?: string, text = page) =>
  generate(diagram, template, { drawio, page: text }, art);
const fileOf = ({ files }: Generated, name: string) => files.get(name) as string;
const held = ({ files }: Generated) => new Map(files);

describe('generating a diagram', () => {
  const generated = run();

  it('gives the diagram, the picture and the page', () => {
    expect([...generated.files.keys()]).toEqual(['small.drawio', 'small.drawio.svg', 'small.md']);
    expect(generated.remarks).toEqual([]);
  });

  it('puts the whole diagram into the picture, so that diagrams.net can open it', () => {
    const { svg } = new XMLParser({ ignoreAttributes: false, htmlEntities: true }).parse(
      fileOf(generated, 'small.drawio.svg'),
    );
    expect(svg['@_content']).toBe(fileOf(generated, 'small.drawio'));
  });

  it('changes nothing when nothing changed', () => {
    const again = run(smallDiagram, fileOf(generated, 'small.drawio'), fileOf(generated, 'small.md'));
    expect(again.files).toEqual(generated.files);
    expect(staleFiles(again, held(generated))).toEqual([]);
  });

  it('writes the steps in their order, and what shows each arrow', () => {
    const text = fileOf(generated, 'small.md');
    expect(text).toContain('1. A client writes.\n2. It works.\n3. It works on.');
    expect(text).toMatch(/\| Bucket, two lines → Work +\| .+\(`\w+`\)/);
    expect(text).toMatch(/\| Work → Table +\| may write: dynamodb:PutItem \(`Role`\)/);
    expect(text).toMatch(
      /\| Client → Bucket, two lines +\| _not of the template:_ the client is not of the template/,
    );
    expect(text).toMatch(/\| 1 `AWS::IAM::Role` +\| \w+/);
  });

  it('leaves what people wrote as it is', () => {
    const text = fileOf(generated, 'small.md');
    expect(text).toContain('# Small\n');
    expect(text).toContain('\nWords of people.\n');
    expect(text).not.toContain('old');
  });

  it.each(['picture', 'steps', 'evidence'])(
    'refuses a page that does not say where the %s belongs',
    (name) => {
      const bare = page.replace(part(name), '');
      expect(() => run(smallDiagram, undefined, bare)).toThrow(
        new RegExp(`^DiagramPageUnmarked: .*diagrams/small\\.md: ${name}: <!-- ${name}`),
      );
    },
  );

  it('names each file that is stale, a missing one too', () => {
    const committed: Map<string, string | undefined> = held(generated);
    committed.set('small.md', `${committed.get('small.md')} `);
    committed.set('small.drawio.svg', undefined);
    expect(staleFiles(generated, committed)).toEqual([
      { code: 'DiagramStale', value: 'diagrams/small.drawio.svg' },
      { code: 'DiagramStale', value: 'diagrams/small.md' },
    ]);
  });

  it('says all that is wrong at once, a line each with file, element and remedy, and gives nothing', () => {
    const wrong: Diagram = {
      ...smallDiagram,
      nodes: {
        ...smallDiagram.nodes,
        table: { path: 'Tabel', icon: 'dynamodb', label: 'Table', at: [1, 1] },
        queue: { path: 'Bucket', icon: 'sqs', label: 'Queue', at: [0, 1] },
      },
    };
    let refused: unknown;
    try {
      run(wrong);
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(DiagramRefused);
    const lines = (refused as Error).message.split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(2);
    expect(lines).toContainEqual(
      expect.stringMatching(
        /DiagramPathUnknown: .*diagrams\/small\.diagram\.ts: node table: "Tabel".*"Table".*; .+/,
      ),
    );
    for (const line of lines) expect(line).toMatch(/Diagram\w+: .*diagrams\/small\.diagram\.ts: .+; .+/);
  });
});

describe('a model file', () => {
  const read = (exported: unknown) => diagramIn(exported, 'diagrams/small.diagram.ts');
  const node = (change: object) => ({
    ...smallDiagram,
    nodes: { ...smallDiagram.nodes, bucket: { ...smallDiagram.nodes.bucket, ...change } },
  });

  it('is taken as it is where it is of the shape', () => {
    expect(read(smallDiagram)).toBe(smallDiagram);
  });

  it.each([
    ['nothing exported', undefined, 'its default export'],
    ['a key that is misspelt', node({ lable: 'x' }), 'nodes.bucket'],
    ['a label that is missing', node({ label: undefined }), 'nodes.bucket.label'],
    ['a cell of one number', node({ at: [1] }), 'nodes.bucket.at'],
    ['a cell left of the first', node({ at: [-1, 0] }), 'nodes.bucket.at.0'],
    ['neither path nor external', node({ path: undefined }), 'nodes.bucket.path'],
    ['both path and external', node({ external: 'x' }), 'nodes.bucket'],
    [
      'a kind of box there is none of',
      { ...smallDiagram, groups: { vpc: { kind: 'vcp', label: 'V' } } },
      'groups.vpc.kind',
    ],
    [
      'a side there is none of',
      { ...smallDiagram, arrows: [{ from: 'a', to: 'b', out: 'up' }] },
      'arrows.0.out',
    ],
    ['a name that is no slug', { ...smallDiagram, lab: '../x' }, 'lab'],
  ])('with %s is refused, and the place is named', (_, exported, place) => {
    expect(() => read(exported)).toThrow(
      new RegExp(`^DiagramModelInvalid: .*diagrams/small\\.diagram\\.ts: ${place}: .+; `),
    );
  });
});
