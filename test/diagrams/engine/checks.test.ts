import { checkDiagram, drawnBy } from '../../../diagrams/engine/checks.ts';
import type { Diagram, GroupModel, NodeModel } from '../../../diagrams/engine/model.ts';
import { stackTemplate } from '../../../diagrams/engine/template.ts';

type Resources = Record<string, { Type: string; Properties?: Record<string, unknown> }>;
const ref = (id: string) => ({ Ref: id });
const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const groupId = (id: string) => ({ 'Fn::GetAtt': [id, 'GroupId'] });

const definition = (functions: readonly string[]) => ({
  'Fn::Sub': JSON.stringify({
    States: Object.fromEntries(functions.map((id) => [id, { Type: 'Task', Resource: `\${${id}.Arn}` }])),
  }),
});

/** A schedule starts a workflow of two functions; one reads and writes a bucket, the other asks a warehouse in a VPC. */
const resources: Resources = {
  Clock: {
    Type: 'AWS::Scheduler::Schedule',
    Properties: { Target: { Arn: ref('Machine'), DeadLetterConfig: { Arn: arn('Dead') } } },
  },
  Dead: { Type: 'AWS::SQS::Queue' },
  Machine: {
    Type: 'AWS::StepFunctions::StateMachine',
    Properties: { DefinitionString: definition(['Work', 'Ask']) },
  },
  Work: { Type: 'AWS::Lambda::Function', Properties: { Role: arn('Role') } },
  Ask: {
    Type: 'AWS::Lambda::Function',
    Properties: { Role: arn('AskRole') },
  },
  Role: { Type: 'AWS::IAM::Role' },
  Policy: {
    Type: 'AWS::IAM::Policy',
    Properties: {
      Roles: [ref('Role')],
      PolicyDocument: {
        Statement: [{ Effect: 'Allow', Action: ['s3:GetObject', 's3:PutObject'], Resource: arn('Bucket') }],
      },
    },
  },
  AskRole: {
    Type: 'AWS::IAM::Role',
    Properties: {
      Policies: [
        {
          PolicyDocument: {
            Statement: [
              { Effect: 'Allow', Action: 'redshift-data:ExecuteStatement', Resource: ref('Workgroup') },
            ],
          },
        },
      ],
    },
  },
  Bucket: { Type: 'AWS::S3::Bucket' },
  Logs: { Type: 'AWS::S3::Bucket' },
  Vpc: { Type: 'AWS::EC2::VPC' },
  One: { Type: 'AWS::EC2::Subnet', Properties: { VpcId: ref('Vpc') } },
  Two: { Type: 'AWS::EC2::Subnet', Properties: { VpcId: ref('Vpc') } },
  Group: { Type: 'AWS::EC2::SecurityGroup', Properties: { VpcId: ref('Vpc') } },
  Namespace: { Type: 'AWS::RedshiftServerless::Namespace', Properties: { NamespaceName: 'lab' } },
  Workgroup: {
    Type: 'AWS::RedshiftServerless::Workgroup',
    Properties: {
      NamespaceName: 'lab',
      SubnetIds: [ref('One'), ref('Two')],
      SecurityGroupIds: [groupId('Group')],
    },
  },
};
const paths = {
  Clock: 'Clock/Resource',
  Dead: 'Operations/Dead/Resource',
  Machine: 'Import/StateMachine/Resource',
  Work: 'Work/Resource',
  Ask: 'Ask/Resource',
  Bucket: 'Archive/Bucket/Resource',
  Logs: 'Archive/Logs/Resource',
  Vpc: 'Network/Vpc/Resource',
  One: 'Network/Vpc/One/Subnet',
  Two: 'Network/Vpc/Two/Subnet',
};

const node = (icon: NodeModel['icon'], path: string | string[], more: Partial<NodeModel> = {}) =>
  ({ icon, path, label: 'x', ...more }) as NodeModel;
const group = (kind: GroupModel['kind'], path?: string | string[], more: Partial<GroupModel> = {}) =>
  ({ kind, label: 'x', ...(path && { path }), ...more }) as GroupModel;

const model = {
  lab: 'lab',
  stack: 'Lab',
  title: 'x',
  groups: {
    client: group('premises'),
    flow: group('state-machine', 'Import/StateMachine'),
    vpc: group('vpc', 'Network/Vpc'),
    subnets: group('private-subnet', ['Network/Vpc/One/Subnet', 'Network/Vpc/Two/Subnet'], { in: 'vpc' }),
  } as Record<string, GroupModel>,
  nodes: {
    server: { icon: 'traditional_server', label: 'x', external: 'the server of a client', in: 'client' },
    clock: node('eventbridge_scheduler', 'Clock'),
    work: node('lambda_function', 'Work', { in: 'flow' }),
    ask: node('lambda_function', 'Ask', { in: 'flow' }),
    archive: node('s3', 'Archive/Bucket'),
    warehouse: node('redshift', ['Namespace', 'Workgroup'], { in: 'subnets' }),
    dead: node('sqs', 'Operations/Dead'),
  } as Record<string, NodeModel>,
  arrows: [
    { from: 'server', to: 'work', manual: 'it is the server that is read' },
    { from: 'clock', to: 'flow' },
    { from: 'work', to: 'archive', twoWay: true },
    { from: 'ask', to: 'warehouse' },
  ],
  steps: [
    { number: 1, on: 'clock -> flow', text: 'Starts.' },
    { number: 2, on: 'work -> archive', text: 'Works.' },
  ],
  omit: { 'Archive/Logs': 'access logs of the archive' },
  waive: { 'clock -> dead': 'the alarm on the queue says it' },
} satisfies Diagram;

type Change = Partial<Diagram>;
const nodes = (changed: Record<string, NodeModel>): Change => ({ nodes: { ...model.nodes, ...changed } });
const groups = (changed: Record<string, GroupModel>): Change => ({
  groups: { ...model.groups, ...changed },
});
const arrows = (...more: Diagram['arrows']): Change => ({ arrows: [...model.arrows, ...more] });
const without = (names: string[]): Change => ({
  nodes: Object.fromEntries(Object.entries(model.nodes).filter(([id]) => !names.includes(id))),
  arrows: model.arrows.filter(({ from, to }) => !names.includes(from) && !names.includes(to)),
});

const checked = (change: Change = {}, more: Resources = {}) =>
  checkDiagram({ ...model, ...change } as Diagram, stackTemplate('Lab', { ...resources, ...more }, paths));
const found = (change: Change = {}, more: Resources = {}) =>
  checked(change, more).findings.map(({ code, value }) => [code, value]);
const file = 'diagrams/lab.diagram.ts';

describe('a model that is true', () => {
  it('has no findings', () => {
    expect(found()).toEqual([]);
  });

  it('has what shows each arrow, the strongest first, and nothing for a manual one', () => {
    const { evidence } = checked();
    const words = Object.fromEntries([...evidence].map(([id, edges]) => [id, edges.map(({ what }) => what)]));
    expect(words).toEqual({
      'server -> work': [],
      'clock -> flow': ['schedule target'],
      'work -> archive': ['may write: s3:PutObject', 'may read: s3:GetObject'],
      'ask -> warehouse': ['may use: redshift-data:ExecuteStatement'],
    });
  });

  it('has the reasons for what is not drawn', () => {
    const { undrawn, waived } = checked();
    expect(undrawn).toContainEqual({
      path: 'Archive/Logs',
      type: 'AWS::S3::Bucket',
      reason: 'access logs of the archive',
      omitted: true,
    });
    expect(undrawn.filter(({ omitted }) => !omitted).map(({ path }) => path)).toEqual([
      'Role',
      'Policy',
      'AskRole',
      'Group',
    ]);
    expect(waived).toMatchObject([
      {
        from: 'clock',
        to: 'dead',
        reason: 'the alarm on the queue says it',
        edges: [{ what: 'dead letter queue' }],
      },
    ]);
  });

  it('knows which element stands for a resource', () => {
    const drawn = drawnBy(model, stackTemplate('Lab', resources, paths));
    expect(drawn.get('Workgroup')).toBe('warehouse');
    expect(drawn.get('Machine')).toBe('flow');
    expect(drawn.get('Logs')).toBeUndefined();
  });

  it('says all that is wrong at once', () => {
    expect(
      found({ ...nodes({ archive: node('s3', 'Archive/Buckt') }), omit: {} }).map(([code]) => code),
    ).toEqual([
      'DiagramPathUnknown',
      'DiagramResourceUndrawn',
      'DiagramResourceUndrawn',
      'DiagramArrowUnproven',
    ]);
  });
});

describe('DiagramIconUnknown', () => {
  it('an icon that the table lacks, with the nearest', () => {
    const archive = node('s4' as 's3', 'Archive/Bucket');
    expect(found(nodes({ archive }))).toEqual([
      ['DiagramIconUnknown', `${file}: node archive: "s4"; the table has "s3"`],
    ]);
  });
});

describe('DiagramNameUnknown', () => {
  const one = (part: string, wrong: string) => [['DiagramNameUnknown', `${file}: ${part}: ${wrong}`]];

  it('an end of an arrow', () => {
    expect(found(arrows({ from: 'work', to: 'archve' }))).toEqual(
      one('arrow work -> archve', '"archve" is no node or group; the model has "archive"'),
    );
  });

  it('an arrow that ends at a place', () => {
    const said = 'the way is known';
    expect(found(arrows({ from: 'server', to: 'vpc', manual: said }))).toEqual(
      one('arrow server -> vpc', '"vpc" is a place (vpc), at which no arrow ends; name what stands in it'),
    );
  });

  it('a box', () => {
    expect(found(nodes({ dead: node('sqs', 'Operations/Dead', { in: 'flw' }) }))).toEqual(
      one('node dead', 'in "flw", which is no group; the model has "flow"'),
    );
    expect(found(groups({ vpc: group('vpc', 'Network/Vpc', { in: 'work' }) }))).toEqual(
      one('group vpc', 'in "work", which is no group'),
    );
  });

  it('boxes that stand in each other', () => {
    const round = {
      a: group('premises', undefined, { in: 'b' }),
      b: group('premises', undefined, { in: 'a' }),
    };
    expect(found(groups(round))).toEqual([
      ...one('group a', 'stands in itself, by way of b, a'),
      ...one('group b', 'stands in itself, by way of a, b'),
    ]);
  });

  it('a flow that is waived', () => {
    const waive = { ...model.waive, 'clock -> ded': 'no reason' };
    expect(found({ waive })).toEqual(
      one('waive clock -> ded', '"ded" is no node or group; the model has "dead"'),
    );
    expect(found({ waive: { ...model.waive, clock: 'no reason' } as Diagram['waive'] })).toEqual(
      one('waive clock', 'is not of the form "from -> to"'),
    );
  });
});

describe('DiagramStepsBroken', () => {
  const steps = (...numbers: number[]) => ({
    steps: numbers.map((number) => ({ number, on: 'clock -> flow' as const, text: 'Starts.' })),
  });
  const one = (wrong: string) => [['DiagramStepsBroken', `${file}: ${wrong}`]];
  it.each([
    ['a gap', [1, 2, 4, 5], 'step 4: stands where number 3 should'],
    ['a repetition', [1, 2, 2], 'step 2: stands where number 3 should'],
    ['a beginning other than 1', [0, 1], 'step 0: stands where number 1 should'],
    ['another order', [2, 1], 'step 2: stands where number 1 should'],
  ])('%s', (_, numbers, wrong) => {
    expect(found(steps(...numbers))).toEqual(one(wrong));
  });

  it('a step on an arrow that does not exist', () => {
    expect(found({ steps: [{ number: 1, on: 'flow -> clock', text: 'Starts.' }] })).toEqual([
      ['DiagramStepsBroken', expect.stringMatching(/: step 1: on "flow -> clock", which is no arrow/)],
    ]);
    expect(found({ steps: [{ number: 1, on: 'clok -> flow', text: 'Starts.' }] })).toEqual(
      one('step 1: on "clok -> flow", which is no arrow; the model has "clock -> flow"'),
    );
  });

  it('a step that says nothing', () => {
    expect(found({ steps: [{ number: 1, on: 'clock -> flow', text: ' ' }] })).toEqual(
      one('step 1: says nothing'),
    );
  });
});

describe('DiagramPathUnknown', () => {
  const extra = (path: string) => found(nodes({ extra: node('s3', path) }));
  it('a path that the template lacks, with the nearest', () => {
    expect(extra('Archive/Buckt')).toEqual([
      ['DiagramPathUnknown', `${file}: node extra: "Archive/Buckt"; the template has "Archive/Bucket"`],
    ]);
  });

  it('no path at all', () => {
    expect(found(nodes({ extra: node('s3', []) }))).toEqual([
      ['DiagramPathUnknown', `${file}: node extra: names no path`],
    ]);
  });

  it('everything below a path that the template lacks', () => {
    expect(extra('Archiv/*')).toEqual([
      ['DiagramPathUnknown', `${file}: node extra: "Archiv/*"; the template has "Archive"`],
    ]);
  });
});

describe('DiagramResourceMissing', () => {
  it('a construct that is no resource, with those below it', () => {
    expect(found(nodes({ extra: node('s3', 'Archive') }))).toEqual([
      [
        'DiagramResourceMissing',
        `${file}: node extra: "Archive"; below it are Archive/Bucket (AWS::S3::Bucket), Archive/Logs (AWS::S3::Bucket)`,
      ],
    ]);
  });

  it('nothing below a path that the icon stands for', () => {
    expect(found(nodes({ extra: node('sns', 'Operations/*') }))).toEqual([
      [
        'DiagramResourceMissing',
        `${file}: node extra: "Operations/*"; below it are Operations/Dead (AWS::SQS::Queue)`,
      ],
    ]);
    expect(found(nodes({ extra: node('s3', 'Archive/Bucket/*') }))).toEqual([
      ['DiagramResourceMissing', `${file}: node extra: "Archive/Bucket/*" has nothing below it`],
    ]);
  });
});

describe('DiagramTypeMismatch', () => {
  const one = (part: string, wrong: string) => [['DiagramTypeMismatch', `${file}: ${part}: ${wrong}`]];
  it('an icon of another type', () => {
    expect(found(nodes({ archive: node('dynamodb', 'Archive/Bucket') }))).toEqual(
      one(
        'node archive',
        'Archive/Bucket (AWS::S3::Bucket); dynamodb stands for AWS::DynamoDB::Table, AWS::DynamoDB::GlobalTable',
      ),
    );
  });

  it('an icon of what is outside of a template', () => {
    expect(found(nodes({ archive: node('client', 'Archive/Bucket') }))).toEqual(
      one('node archive', 'Archive/Bucket (AWS::S3::Bucket); client stands for no resource'),
    );
  });

  it('a box of another kind', () => {
    expect(found(groups({ extra: group('vpc', 'Archive/Logs') })).slice(0, 1)).toEqual(
      one('group extra', 'Archive/Logs (AWS::S3::Bucket); vpc stands for AWS::EC2::VPC'),
    );
  });

  it('of everything below a path, what the icon does not stand for is left alone', () => {
    expect(found({ ...nodes({ archive: node('s3', 'Archive/*') }), omit: {} })).toEqual([]);
  });
});

describe('DiagramDrawnTwice', () => {
  const one = (part: string, wrong: string) => [['DiagramDrawnTwice', `${file}: ${part}: ${wrong}`]];
  it('two elements that stand for one resource', () => {
    expect(found(nodes({ second: node('bucket', 'Archive/Bucket') }))).toEqual(
      one('node second', 'Archive/Bucket (AWS::S3::Bucket) is drawn by node archive as well'),
    );
    expect(found(nodes({ second: node('step_functions', 'Import/StateMachine') }))).toEqual(
      expect.arrayContaining(
        one(
          'group flow',
          'Import/StateMachine (AWS::StepFunctions::StateMachine) is drawn by node second as well',
        ),
      ),
    );
  });

  it('one name for a node and a group, or for a box that every picture has', () => {
    expect(found(groups({ clock: group('premises') }))).toEqual(
      one('group clock', 'a node has the same name'),
    );
    expect(found(groups({ region: group('premises') }))).toEqual(
      one('region', 'every picture has a box of this name'),
    );
  });

  it('two arrows between the same ends', () => {
    expect(found(arrows({ from: 'ask', to: 'warehouse' }))).toEqual(
      one('arrow ask -> warehouse', 'there is another between these two; if both hold, twoWay'),
    );
    expect(found(arrows({ from: 'archive', to: 'work' }))).toEqual(
      one('arrow archive -> work', 'there is another between these two; if both hold, twoWay'),
    );
    expect(found(arrows({ from: 'warehouse', to: 'ask' }))).toEqual([]);
  });
});

describe('DiagramResourceUndrawn', () => {
  it('a resource without node or reason', () => {
    expect(found({ omit: {} })).toEqual([
      ['DiagramResourceUndrawn', `${file}: resource Archive/Logs: AWS::S3::Bucket, in the stack Lab`],
    ]);
  });

  it('a resource of a type that nobody has heard of', () => {
    expect(found({}, { New: { Type: 'AWS::Quantum::Bridge' } })).toEqual([
      ['DiagramResourceUndrawn', `${file}: resource New: AWS::Quantum::Bridge, in the stack Lab`],
    ]);
  });

  it.each([
    ['framework-onEvent of a provider', 'Schema/Provider/framework-onEvent/Resource'],
    ['the function that empties buckets', 'Custom::S3AutoDeleteObjectsCustomResourceProvider/Handler'],
    [
      'the function that sets notifications',
      'BucketNotificationsHandler050a0587b7544547bf325f094a3db834/Resource',
    ],
  ])('not %s', (_, path) => {
    const more = { ...resources, Own: { Type: 'AWS::Lambda::Function' } };
    const template = stackTemplate('Lab', more, { ...paths, Own: path });
    expect(checkDiagram(model, template).findings).toEqual([]);
  });

  it('but what a custom resource of the lab runs', () => {
    const more = { Migrate: { Type: 'AWS::Lambda::Function' }, Migrations: { Type: 'Custom::Migrations' } };
    expect(found({}, more).map(([code]) => code)).toEqual([
      'DiagramResourceUndrawn',
      'DiagramResourceUndrawn',
    ]);
  });

  it('everything below a path can be left out', () => {
    expect(found({ omit: { 'Archive/*': 'access logs' } })).toEqual([]);
  });
});

describe('DiagramReasonStale', () => {
  const one = (part: string, wrong: string) => [['DiagramReasonStale', `${file}: ${part}: ${wrong}`]];
  const omit = (path: string, reason = 'no reason') => found({ omit: { ...model.omit, [path]: reason } });

  it('left out, and not there', () => {
    expect(omit('Archive/Log')).toEqual(
      one('omit Archive/Log', 'the template has nothing there; it has "Archive/Logs"'),
    );
    expect(omit('Archive')).toEqual(
      one('omit Archive', 'this is a construct and no resource; Path/* means what is below it'),
    );
  });

  it('left out, and drawn', () => {
    expect(omit('Archive/Bucket')).toEqual(
      one('omit Archive/Bucket', 'Archive/Bucket (AWS::S3::Bucket) is drawn by node archive'),
    );
  });

  it('left out, and of a type that need not be drawn', () => {
    expect(omit('Role')).toEqual(
      one(
        'omit Role',
        'Role (AWS::IAM::Role) need not be drawn: who may do what; the arrows show what comes of it',
      ),
    );
  });

  it('an empty reason', () => {
    expect(omit('Archive/Logs', ' ')).toEqual(one('omit Archive/Logs', 'the reason is empty'));
    expect(found({ waive: { 'clock -> dead': '' } })).toEqual(
      one('waive clock -> dead', 'the reason is empty'),
    );
    const manual = model.arrows.map((arrow) => (arrow.from === 'server' ? { ...arrow, manual: '' } : arrow));
    expect(found({ arrows: manual })).toEqual(one('arrow server -> work', 'manual is empty'));
  });

  it('waived, and not in the template', () => {
    expect(found({ waive: { ...model.waive, 'dead -> clock': 'no reason' } })).toEqual(
      one('waive dead -> clock', 'the template has no such flow that wants an arrow'),
    );
    expect(found({ waive: { ...model.waive, 'flow -> work': 'the box says it' } })).toEqual(
      one('waive flow -> work', 'the template has no such flow that wants an arrow'),
    );
  });

  it('waived, and drawn', () => {
    expect(found(arrows({ from: 'clock', to: 'dead' }))).toEqual(
      one('waive clock -> dead', 'the arrow is drawn'),
    );
  });

  it('said by hand, and shown by the template', () => {
    const manual = model.arrows.map((arrow) => (arrow.from === 'clock' ? { ...arrow, manual: 'so' } : arrow));
    expect(found({ arrows: manual })).toEqual(
      one('arrow clock -> flow', 'manual, but the template shows it: schedule target (Clock)'),
    );
  });

  it('not where the template shows one of two ways', () => {
    const more = { from: 'clock', to: 'flow', twoWay: true, manual: 'it answers' } as const;
    const manual = model.arrows.map((arrow) => (arrow.from === 'clock' ? more : arrow));
    expect(found({ arrows: manual })).toEqual([]);
  });
});

describe('DiagramArrowUnproven', () => {
  const one = (part: string, wrong: string) => [['DiagramArrowUnproven', `${file}: ${part}: ${wrong}`]];
  it('an arrow that nothing shows', () => {
    expect(found(arrows({ from: 'work', to: 'warehouse' }))).toEqual(
      one(
        'arrow work -> warehouse',
        'no flow, grant or way through the network goes from the one to the other',
      ),
    );
  });

  it('an arrow the wrong way round', () => {
    expect(found(arrows({ from: 'flow', to: 'clock' }))).toEqual(
      one('arrow flow -> clock', 'no flow, grant or way through the network goes from the one to the other'),
    );
  });

  it('one of two ways', () => {
    const both = model.arrows.map((arrow) => (arrow.from === 'clock' ? { ...arrow, twoWay: true } : arrow));
    expect(found({ arrows: both })).toEqual(
      one('arrow clock -> flow', 'twoWay, but nothing shows flow -> clock'),
    );
  });

  it('an end that is not of the template wants a word', () => {
    expect(found(arrows({ from: 'server', to: 'ask' }))).toEqual(
      one('arrow server -> ask', 'server is not of the template; say in manual why it is true'),
    );
    expect(found(arrows({ from: 'archive', to: 'client' }))).toEqual(
      one('arrow archive -> client', 'client is not of the template; say in manual why it is true'),
    );
  });

  it('an arrow from an element to itself', () => {
    expect(found(arrows({ from: 'work', to: 'work' }))).toEqual(
      one('arrow work -> work', 'begins and ends at the same element'),
    );
  });
});

describe('DiagramEdgeUndrawn', () => {
  const one = (part: string, wrong: string) => [['DiagramEdgeUndrawn', `${file}: ${part}: ${wrong}`]];
  it('a flow that has no arrow', () => {
    expect(found({ waive: {} })).toEqual(one('flow clock -> dead', 'dead letter queue (Clock)'));
    expect(found({ arrows: model.arrows.filter(({ from }) => from !== 'clock'), steps: [] })).toEqual(
      one('flow clock -> flow', 'schedule target (Clock)'),
    );
  });

  it('an arrow the other way does not show it; one that goes both ways does', () => {
    const flow = (arrow: Diagram['arrows'][number]) => ({
      arrows: [...model.arrows.filter(({ from }) => from !== 'clock'), arrow],
      steps: [],
    });
    expect(found(flow({ from: 'flow', to: 'clock', manual: 'it answers' }))).toEqual(
      one('flow clock -> flow', 'schedule target (Clock)'),
    );
    expect(found(flow({ from: 'flow', to: 'clock', twoWay: true, manual: 'it answers' }))).toEqual([]);
  });

  it('not from a workflow to what stands in its box, but to what stands beside it', () => {
    expect(found(nodes({ work: node('lambda_function', 'Work') }))).toEqual(
      one('flow flow -> work', 'task Work (Import/StateMachine)'),
    );
  });

  it('not for a grant', () => {
    expect(found(without(['ask', 'warehouse'])).map(([code]) => code)).not.toContain('DiagramEdgeUndrawn');
    expect(
      found({ arrows: model.arrows.filter(({ from }) => from !== 'ask' && from !== 'work'), steps: [] }),
    ).toEqual([]);
  });

  it('what goes through something drawn has its two arrows, and needs no third', () => {
    const pipe = {
      In: { Type: 'AWS::SQS::Queue' },
      Out: { Type: 'AWS::SQS::Queue' },
      Pipe: { Type: 'AWS::Pipes::Pipe', Properties: { Source: arn('In'), Target: arn('Out') } },
    };
    const ends = nodes({ in: node('sqs', 'In'), out: node('sqs', 'Out') });
    const omitted = { ...ends, omit: { ...model.omit, Pipe: 'it is the arrow' } };
    expect(found(omitted, pipe)).toEqual(one('flow in -> out', 'pipe (Pipe)'));
    expect(found({ ...omitted, ...arrows({ from: 'in', to: 'out' }) }, pipe)).toEqual([]);
  });

  it('a part stands for its whole', () => {
    const more = {
      Alias: { Type: 'AWS::Lambda::Alias', Properties: { FunctionName: ref('Ask') } },
      Mapping: {
        Type: 'AWS::Lambda::EventSourceMapping',
        Properties: { EventSourceArn: arn('Dead'), FunctionName: ref('Alias') },
      },
    };
    expect(found({}, more)).toEqual(one('flow dead -> ask', 'event source mapping (Mapping)'));
    expect(found(arrows({ from: 'dead', to: 'ask' }), more)).toEqual([]);
  });
});

describe('DiagramContainmentWrong', () => {
  const one = (part: string, wrong: string) => [['DiagramContainmentWrong', `${file}: ${part}: ${wrong}`]];
  const warehouse = (box?: string) =>
    nodes({ warehouse: node('redshift', ['Namespace', 'Workgroup'], box ? { in: box } : {}) });

  it('in the box of subnets to which it is not attached', () => {
    expect(found(nodes({ archive: node('s3', 'Archive/Bucket', { in: 'subnets' }) }))).toEqual([
      ...one('node archive', 'stands in the box subnets, but is attached to no subnet'),
      ...one('node archive', 'stands in the box vpc, but belongs to no VPC'),
    ]);
  });

  it('in the box of one of its subnets only', () => {
    const half = groups({
      subnets: group('private-subnet', 'Network/Vpc/One/Subnet', { in: 'vpc' }),
      other: group('private-subnet', 'Network/Vpc/Two/Subnet', { in: 'vpc' }),
    });
    expect(found(half)).toEqual(
      one('node warehouse', 'stands in the box subnets, but is attached to Network/Vpc/Two/Subnet'),
    );
    expect(found({ ...half, ...warehouse('vpc') })).toEqual([]);
  });

  it('beside the box that holds it in the template', () => {
    expect(found(warehouse('vpc'))).toEqual(
      one('node warehouse', 'belongs into the box subnets: Network/Vpc/One/Subnet, Network/Vpc/Two/Subnet'),
    );
    expect(found(warehouse())).toEqual(found(warehouse('vpc')));
  });

  it('subnets beside their VPC, or in another', () => {
    const subnets = ['Network/Vpc/One/Subnet', 'Network/Vpc/Two/Subnet'];
    expect(found(groups({ subnets: group('private-subnet', subnets) }))).toEqual(
      one('group subnets', 'belongs into the box vpc: Network/Vpc'),
    );
    const other = groups({
      other: group('vpc', 'Other'),
      subnets: group('private-subnet', subnets, { in: 'other' }),
    });
    expect(found(other, { Other: { Type: 'AWS::EC2::VPC' } })).toEqual([
      ...one('node warehouse', 'stands in the box other, but belongs to Network/Vpc'),
      ...one('group subnets', 'stands in the box other, but belongs to Network/Vpc'),
      ...one('group subnets', 'belongs into the box vpc: Network/Vpc'),
    ]);
  });

  it('a gateway endpoint beside its VPC; a flow log may stand anywhere', () => {
    const more = {
      Endpoint: { Type: 'AWS::EC2::VPCEndpoint', Properties: { VpcId: ref('Vpc') } },
      FlowLog: { Type: 'AWS::EC2::FlowLog', Properties: { ResourceId: ref('Vpc') } },
    };
    const beside = { endpoint: node('endpoints', 'Endpoint'), log: node('flow_logs', 'FlowLog') };
    expect(found(nodes(beside), more)).toEqual(one('node endpoint', 'belongs into the box vpc: Network/Vpc'));
    const inside = {
      endpoint: node('endpoints', 'Endpoint', { in: 'vpc' }),
      log: node('flow_logs', 'FlowLog', { in: 'vpc' }),
    };
    expect(found(nodes(inside), more)).toEqual([]);
  });

  it('a subnet that is drawn as the other kind', () => {
    const paths = ['Network/Vpc/One/Subnet', 'Network/Vpc/Two/Subnet'];
    expect(found(groups({ subnets: group('public-subnet', paths, { in: 'vpc' }) }))).toEqual([
      ...one(
        'group subnets',
        'is a public-subnet, but Network/Vpc/One/Subnet has no route to an internet gateway',
      ),
      ...one(
        'group subnets',
        'is a public-subnet, but Network/Vpc/Two/Subnet has no route to an internet gateway',
      ),
    ]);
    const route = {
      Gateway: { Type: 'AWS::EC2::InternetGateway' },
      Table: { Type: 'AWS::EC2::RouteTable' },
      Association: {
        Type: 'AWS::EC2::SubnetRouteTableAssociation',
        Properties: { SubnetId: ref('One'), RouteTableId: ref('Table') },
      },
      Route: {
        Type: 'AWS::EC2::Route',
        Properties: { RouteTableId: ref('Table'), GatewayId: ref('Gateway') },
      },
    };
    expect(found({ omit: { ...model.omit, Gateway: 'drawn as the way out' } }, route)).toEqual(
      one(
        'group subnets',
        'is a private-subnet, but Network/Vpc/One/Subnet has a route to an internet gateway',
      ),
    );
  });

  it('in a state machine that does not call it', () => {
    const Machine = {
      Type: 'AWS::StepFunctions::StateMachine',
      Properties: { DefinitionString: definition(['Work']) },
    };
    expect(found({}, { Machine })).toEqual(
      one('node ask', 'stands in the box flow, but is not called by the workflow: Ask'),
    );
  });

  it('in a security group that it does not have, and beside the one that it has', () => {
    const box = { guard: group('security-group', 'Group', { in: 'subnets' }) };
    expect(found({ ...groups(box), ...warehouse('guard') })).toEqual([]);
    expect(found(groups(box))).toEqual(one('node warehouse', 'belongs into the box guard: Group'));
    const Workgroup = {
      Type: 'AWS::RedshiftServerless::Workgroup',
      Properties: { NamespaceName: 'lab', SubnetIds: [ref('One'), ref('Two')] },
    };
    expect(found({ ...groups(box), ...warehouse('guard') }, { Workgroup })).toEqual(
      one('node warehouse', 'stands in the box guard, but has no security group'),
    );
  });

  it('in an Auto Scaling group that does not launch it, and beside the one that does', () => {
    const more = {
      Template: { Type: 'AWS::EC2::LaunchTemplate' },
      Other: { Type: 'AWS::EC2::LaunchTemplate' },
      Fleet: {
        Type: 'AWS::AutoScaling::AutoScalingGroup',
        Properties: { LaunchTemplate: { LaunchTemplateId: ref('Template') } },
      },
    };
    const fleet = (machine: string | undefined, other: string | undefined) => ({
      ...groups({ fleet: group('auto-scaling', 'Fleet') }),
      ...nodes({
        machine: node('instance2', 'Template', machine ? { in: machine } : {}),
        other: node('instance2', 'Other', other ? { in: other } : {}),
      }),
    });
    expect(found(fleet('fleet', undefined), more)).toEqual([]);
    expect(found(fleet(undefined, undefined), more)).toEqual(
      one('node machine', 'belongs into the box fleet: Fleet'),
    );
    expect(found(fleet('fleet', 'fleet'), more)).toEqual(
      one('node other', 'stands in the box fleet, but is not what the group launches'),
    );
  });

  it('what is outside of AWS inside of it, and the other way round', () => {
    const server = { ...(model.nodes.server as NodeModel), in: 'vpc' };
    expect(found(nodes({ server }))).toEqual(
      one('node server', 'is not of the template, but stands in the box vpc, which is in AWS'),
    );
    expect(found(groups({ client: group('premises', undefined, { in: 'vpc' }) }))).toEqual([
      ...one('node server', 'is not of the template, but stands in the box vpc, which is in AWS'),
      ...one('group client', 'is not of the template, but stands in the box vpc, which is in AWS'),
    ]);
    expect(found(nodes({ archive: node('s3', 'Archive/Bucket', { in: 'client' }) }))).toEqual(
      one('node archive', 'is of the template, but stands in the box client, which is outside of AWS'),
    );
  });
});
