// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of Fn::Sub
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tasksOf } from '../../../diagrams/engine/definitions.ts';
import { referencesIn, referredOfType, writtenOut } from '../../../diagrams/engine/references.ts';
import { nearest } from '../../../diagrams/engine/suggest.ts';
import { readStackTemplate, stackTemplate } from '../../../diagrams/engine/template.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'labs-template-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('reading a stack', () => {
  const assembly = async (files: Record<string, unknown>) => {
    for (const [name, content] of Object.entries(files))
      await writeFile(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content));
  };
  const artifact = {
    type: 'aws:cloudformation:stack',
    properties: { templateFile: 'Lab.template.json' },
    displayName: 'Lab',
  };
  const bucket = { Bucket1234: { Type: 'AWS::S3::Bucket', Properties: { a: 1 } } };
  const unreadable = (value: unknown) => ({ code: 'DiagramTemplateUnreadable', value });

  it('a directory without a synthesized stack is named', async () => {
    await expect(readStackTemplate(join(directory, 'none'), 'Lab')).rejects.toMatchObject(
      unreadable(expect.stringMatching(/none.manifest\.json: ENOENT$/)),
    );
  });

  it('a broken file is named', async () => {
    await assembly({
      'manifest.json': { artifacts: { Lab: artifact } },
      'Lab.template.json': '{"Resources": ',
    });
    await expect(readStackTemplate(directory, 'Lab')).rejects.toMatchObject(
      unreadable(expect.stringMatching(/Lab\.template\.json: .*JSON/)),
    );
    await assembly({ 'Lab.template.json': 'null' });
    await expect(readStackTemplate(directory, 'Lab')).rejects.toMatchObject(
      unreadable(expect.stringMatching(/Lab\.template\.json: not an object$/)),
    );
    await assembly({ 'Lab.template.json': { Resources: { Bucket: {} } } });
    await expect(readStackTemplate(directory, 'Lab')).rejects.toMatchObject(
      unreadable(expect.stringMatching(/Lab\.template\.json: no Resources, or one without a Type$/)),
    );
  });

  it('a stack that the assembly lacks is refused with those it has', async () => {
    await assembly({ 'manifest.json': { artifacts: { Lab: artifact, 'Lab.assets': { type: 'assets' } } } });
    await expect(readStackTemplate(directory, 'Lob')).rejects.toMatchObject(
      unreadable(expect.stringMatching(/manifest\.json: no stack Lob; it has Lab$/)),
    );
  });

  const metadata = { '/Lab/Archive/Bucket/Resource': [{ type: 'aws:cdk:logicalId', data: 'Bucket1234' }] };
  it.each([
    ['in the manifest', { metadata }, {}],
    ['in a file beside it', { additionalMetadataFile: 'more.json' }, { 'more.json': metadata }],
  ])('paths come from the metadata %s', async (_, more, files) => {
    await assembly({
      'manifest.json': { artifacts: { Lab: { ...artifact, ...more } } },
      'Lab.template.json': { Resources: bucket },
      ...files,
    });
    const template = await readStackTemplate(directory, 'Lab');
    expect(template.byPath('Archive/Bucket')).toEqual({
      logicalId: 'Bucket1234',
      path: 'Archive/Bucket',
      type: 'AWS::S3::Bucket',
      properties: { a: 1 },
      dependsOn: [],
    });
    expect([...template.constructs]).toEqual(['Archive/Bucket', 'Archive']);
  });
});

describe('paths', () => {
  it('lose the last Resource or Default only', () => {
    const types = { A: { Type: 'T' }, B: { Type: 'T' }, C: { Type: 'T' }, D: { Type: 'T' } };
    const { resources, byPath } = stackTemplate('Lab', types, {
      A: 'Resource/Topic/Resource',
      B: 'Custom/Default',
      C: 'Vpc/Subnet',
    });
    expect([...resources.values()].map(({ path }) => path)).toEqual([
      'Resource/Topic',
      'Custom',
      'Vpc/Subnet',
      'D',
    ]);
    expect(byPath('Resource/Topic/Resource')).toBeUndefined();
  });

  it('that would be the same stay whole', () => {
    const { byPath } = stackTemplate(
      'Lab',
      { A: { Type: 'T' }, B: { Type: 'T' } },
      { A: 'X/Resource', B: 'X/Default' },
    );
    expect([byPath('X')?.logicalId, byPath('X/Default')?.logicalId]).toEqual(['A', 'B']);
  });
});

describe('references', () => {
  const arn = { 'Fn::GetAtt': ['Bucket', 'Arn'] };
  it.each<[string, unknown, string[]]>([
    ['Ref', { Ref: 'Topic' }, ['Topic']],
    ['Fn::GetAtt as a list', arn, ['Bucket']],
    ['Fn::GetAtt as text', { 'Fn::GetAtt': 'Workgroup.Workgroup.WorkgroupArn' }, ['Workgroup']],
    ['Fn::Join', { 'Fn::Join': ['', [arn, '/*']] }, ['Bucket']],
    ['Fn::Sub', { 'Fn::Sub': '${A} ${B.Arn} ${!C}' }, ['A', 'B']],
    ['Fn::Sub with variables', { 'Fn::Sub': ['${x} ${D}', { x: { Ref: 'E' } }] }, ['E', 'D']],
    ['both branches of Fn::If', { 'Fn::If': ['Prod', { Ref: 'A' }, { Ref: 'B' }] }, ['A', 'B']],
    ['nested', [{ a: { b: [{ Ref: 'A' }, 'Ref', null, 1] } }], ['A']],
    ['none', { a: 'Bucket', b: undefined }, []],
  ])('are found: %s', (_, value, ids) => {
    expect([...referencesIn(value)]).toEqual(ids);
  });

  it('are written into the text that they are part of', () => {
    const token = (id: string, attribute = '') => `<${id}|${attribute}>`;
    const written = (value: unknown) => writtenOut(value, token);
    expect(written({ 'Fn::Join': ['-', ['a', arn, { Ref: 'AWS::Region' }]] })).toBe(
      'a-<Bucket|Arn>-<AWS::Region|>',
    );
    expect(written({ 'Fn::Sub': ['${x}${!y}${B.Arn}', { x: 1 }] })).toBe('1${y}<B|Arn>');
    expect(written({ 'Fn::ImportValue': 'x' })).toBe('');
    expect(written({ 'Fn::If': ['Prod', 'a', 'b'] })).toBe('a');
  });

  it('a workgroup finds its namespace by its plain name', () => {
    const template = stackTemplate(
      'Lab',
      {
        One: { Type: 'AWS::RedshiftServerless::Namespace', Properties: { NamespaceName: 'one' } },
        Two: { Type: 'AWS::RedshiftServerless::Namespace', Properties: { NamespaceName: 'two' } },
      },
      {},
    );
    const namespaces = (value: unknown) =>
      referredOfType(template, 'AWS::RedshiftServerless::Namespace', value);
    expect(namespaces('two')).toEqual(['Two']);
    expect(namespaces({ Ref: 'One' })).toEqual(['One']);
    expect(namespaces('three')).toEqual([]);
    expect(referredOfType(template, 'AWS::S3::Bucket', 'two')).toEqual([]);
  });
});

describe('definitions of state machines', () => {
  const ids = ['A', 'B', 'C', 'D', 'E', 'F', 'In', 'Out', 'Bus', 'Bucket', 'Mentioned', 'Task'];
  const template = stackTemplate(
    'Lab',
    Object.fromEntries(
      ids.map((id) => [id, { Type: 'AWS::ECS::TaskDefinition', Properties: { Family: `lab-${id}` } }]),
    ),
    {},
  );
  const machine = (properties: Record<string, unknown>) => ({
    logicalId: 'Machine',
    path: 'Import/StateMachine',
    type: 'AWS::StepFunctions::StateMachine',
    properties,
    dependsOn: [],
  });
  const calls = (of: ReturnType<typeof machine>) => tasksOf(of, template);
  const invoke = (name: string) => ({
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
    Arguments: { FunctionName: name, Payload: { FunctionName: '${Bucket}', other: '${Bucket}' } },
  });

  it('one that is no JSON is named', () => {
    expect(() => calls(machine({ DefinitionString: '{' }))).toThrow(
      expect.objectContaining({
        code: 'DiagramTemplateUnreadable',
        value: expect.stringMatching(/^the definition of Import\/StateMachine: /),
      }),
    );
  });

  it('one that lies in a bucket tells nothing', () => {
    expect(calls(machine({ DefinitionS3Location: { Bucket: 'b' } }))).toEqual([]);
  });

  it('calls are what is acted on, not what a payload mentions', () => {
    expect(
      calls(
        machine({ DefinitionString: { 'Fn::Sub': JSON.stringify({ States: { Go: invoke('${F.Arn}') } }) } }),
      ),
    ).toEqual([{ name: 'Go', action: 'lambda:invoke', calls: ['F'], waits: false }]);
  });

  it('states are found through Map and Parallel, items and results of a Map too', () => {
    const States = {
      Both: {
        Type: 'Parallel',
        Branches: [{ States: { A: invoke('${A}') } }, { States: { B: invoke('${B}') } }],
      },
      Old: { Type: 'Map', Iterator: { States: { C: invoke('${C}') } } },
      New: {
        Type: 'Map',
        ItemProcessor: { States: { D: invoke('${D}') } },
        ItemReader: {
          Resource: 'arn:${AWS::Partition}:states:::s3:getObject',
          Parameters: { Bucket: '${In}' },
        },
        ResultWriter: { Resource: 'arn:aws:states:::s3:putObject', Arguments: { Bucket: '${Out}' } },
      },
      Direct: { Type: 'Task', Resource: '${E.Arn}' },
      Tell: {
        Type: 'Task',
        Resource: 'arn:aws:states:::aws-sdk:eventbridge:putEvents',
        Parameters: { Entries: [{ EventBusName: '${Bus}', Detail: '${Mentioned}' }] },
      },
    };
    const found = calls(machine({ DefinitionString: { 'Fn::Sub': JSON.stringify({ States }) } }));
    expect(found.map(({ name, action, calls }) => [name, action, ...calls])).toEqual([
      ['A', 'lambda:invoke', 'A'],
      ['B', 'lambda:invoke', 'B'],
      ['C', 'lambda:invoke', 'C'],
      ['New, its items', 's3:getObject', 'In'],
      ['New, its results', 's3:putObject', 'Out'],
      ['D', 'lambda:invoke', 'D'],
      ['Direct', '', 'E'],
      ['Tell', 'eventbridge:putEvents', 'Bus'],
    ]);
  });

  it('a task definition is found by its family, what is not of the template is not', () => {
    const run = (TaskDefinition: string) => ({
      Type: 'Task',
      Resource: 'arn:aws:states:::ecs:runTask.sync',
      Parameters: { TaskDefinition },
    });
    const States = { Ours: run('lab-Task'), Theirs: run('other'), Parameter: run('${Parameter}') };
    const found = calls(machine({ DefinitionString: { 'Fn::Sub': JSON.stringify({ States }) } }));
    expect(found.map(({ name, calls }) => [name, ...calls])).toEqual([
      ['Ours', 'Task'],
      ['Theirs'],
      ['Parameter'],
    ]);
  });

  it('an object with substitutions is read as well', () => {
    const found = calls(
      machine({
        Definition: { States: { Go: invoke('${target}') } },
        DefinitionSubstitutions: { target: { 'Fn::GetAtt': ['F', 'Arn'] } },
      }),
    );
    expect(found.map(({ calls }) => calls)).toEqual([['F']]);
  });
});

describe('the name that was probably meant', () => {
  const names = ['Archive/Bucket', 'Archive/AccessLog', 'Import/Transform'];
  it.each([
    ['Archive/Buckt', 'Archive/Bucket'],
    ['archive/bucket', 'Archive/Bucket'],
    ['Transform', 'Import/Transform'],
    ['Results', undefined],
  ])('%s: %s', (name, meant) => {
    expect(nearest(name, names)).toBe(meant);
  });
});
