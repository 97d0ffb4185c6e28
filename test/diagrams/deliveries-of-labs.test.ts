/** Of every lab: what services deliver, AWS lets them deliver. The emulator asks for none of these permissions. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Need } from '../../diagrams/engine/deliveries/needs.ts';
import { deliveriesOf, neededBy, refused } from '../../diagrams/engine/deliveries.ts';
import { at } from '../../diagrams/engine/references.ts';
import { readStackTemplate, type StackTemplate } from '../../diagrams/engine/template.ts';
import { synthesizeInto } from '../../local/synthesis.ts';
import { assembly, stacksOf } from './assembly.ts';

/** By stack: kinds that must be found, so that nothing passes by being overlooked. */
const expected: Readonly<Record<string, readonly string[]>> = {
  FashionInventory: [
    'AWS::CloudWatch::Alarm alarm action',
    'AWS::EC2::FlowLog log',
    'AWS::Events::Rule dead letter queue',
    'AWS::Events::Rule events of a bucket',
    'AWS::Events::Rule rule target',
    'AWS::Lambda::Function function of a custom resource',
    'AWS::Lambda::Function log',
    'AWS::RedshiftServerless::Namespace log export',
    'AWS::RedshiftServerless::Namespace role',
    'AWS::S3::Bucket access log',
    'AWS::Scheduler::Schedule dead letter queue',
    'AWS::Scheduler::Schedule schedule target',
    'AWS::StepFunctions::StateMachine log',
    'AWS::StepFunctions::StateMachine task',
  ],
  StockTrends: [
    'AWS::CloudWatch::Alarm alarm action',
    'AWS::EC2::FlowLog log',
    'AWS::ECS::TaskDefinition image',
    'AWS::ECS::TaskDefinition log',
    'AWS::ECS::TaskDefinition role',
    'AWS::Events::Rule rule target',
    'AWS::KinesisFirehose::DeliveryStream delivery stream destination',
    'AWS::KinesisFirehose::DeliveryStream delivery stream source',
    'AWS::KinesisFirehose::DeliveryStream log',
    'AWS::Lambda::EventSourceMapping event source mapping',
    'AWS::Lambda::EventSourceMapping records that failed',
    'AWS::Lambda::Function function of a custom resource',
    'AWS::Lambda::Function log',
    'AWS::RedshiftServerless::Namespace log export',
    'AWS::RedshiftServerless::Namespace role',
    'AWS::S3::Bucket access log',
    'AWS::S3::Bucket bucket notification',
    'AWS::SQS::Queue dead letter queue',
  ],
};

const kept = await assembly();
const ephemeral = await ephemeralTemplates();
const labs = await Promise.all(
  (await stacksOf(kept)).map(async (stack) => [stack, await readStackTemplate(kept, stack)] as const),
);

async function ephemeralTemplates(): Promise<(readonly [string, StackTemplate])[]> {
  const directory = await mkdtemp(join(tmpdir(), 'labs-synth-'));
  try {
    synthesizeInto(directory, { ephemeral: true });
    const stacks = await stacksOf(directory);
    return await Promise.all(
      stacks.map(
        async (stack) => [`${stack}, ephemeral`, await readStackTemplate(directory, stack)] as const,
      ),
    ).then((all) => all.map(([name, template]) => [name, template]));
  } finally {
    await rm(directory, { recursive: true });
  }
}

it.each([...labs, ...ephemeral])('%s: every delivery is permitted', (_stack, template) => {
  expect(refused(deliveriesOf(template))).toEqual([]);
});

it.each(labs)('%s: what is known to be delivered is found', (stack, template) => {
  const kinds = new Set(neededBy(template).map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual(
    expect.arrayContaining([...(expected[stack] ?? ['a row of `expected`'])]),
  );
});

it.each(labs)(
  '%s: each permission, taken away, is missed by every delivery that needs it',
  (_stack, template) => {
    const needed = neededBy(template);
    const deliveries = deliveriesOf(template, needed);
    const unnoticed: string[] = [];
    const missed = new Set<string>();
    for (const { what, id, relies, without } of removals(template, deliveriesWith(needed, deliveries))) {
      const relying = needed.filter((_delivery, index) => relies.has(index));
      const afterwards = deliveriesOf({ ...template, resources: without }, relying);
      for (const { name, permissions } of afterwards) {
        if (permissions.some(({ missing }) => missing !== undefined)) missed.add(id);
        else unnoticed.push(`${name} does not miss ${what} of ${id}`);
      }
    }
    expect(unnoticed).toEqual([]);
    // Every statement that allows something was taken away once, and missed.
    const relied = deliveries.flatMap(({ permissions }) =>
      permissions.flatMap(({ by = '' }) => by.split(', ')),
    );
    expect([...missed].sort()).toEqual([...new Set(relied.filter((id) => id.includes('/')))].sort());
  },
);

interface Relied {
  /** Number of the delivery. */
  readonly index: number;
  readonly need: Need;
  readonly by: string;
}

const deliveriesWith = (
  needed: ReturnType<typeof neededBy>,
  deliveries: ReturnType<typeof deliveriesOf>,
): Relied[] =>
  needed.flatMap(({ needs }, index) =>
    needs.flatMap((need, number) =>
      (deliveries[index]?.permissions[number]?.by ?? '').split(', ').map((by) => ({ index, need, by })),
    ),
  );

interface Removal {
  readonly what: string;
  /** Logical id and number of the statement. */
  readonly id: string;
  readonly relies: ReadonlySet<number>;
  readonly without: StackTemplate['resources'];
}

/** Every way in which a statement that something relies on can be less than it is. */
function removals(template: StackTemplate, relied: readonly Relied[]): Removal[] {
  const ids = [...new Set(relied.map(({ by }) => by))].filter((by) => by.includes('/'));
  return ids.flatMap((id) => {
    const [logicalId = '', ...rest] = id.split('/');
    const resource = template.resources.get(logicalId);
    if (!resource) throw new Error(`${logicalId} is not in the template`);
    const relying = relied.filter(({ by }) => by === id);
    const removal = (what: string, change: (properties: Json) => unknown, by = relying): Removal => {
      const properties = structuredClone(resource.properties) as Json;
      change(properties);
      const without = new Map(template.resources).set(logicalId, { ...resource, properties });
      return { what, id, relies: new Set(by.map(({ index }) => index)), without };
    };
    if (rest.length > 1) {
      const gone = { ManagedPolicyArns: [], Policies: [] };
      return [removal('the policies', (properties) => Object.assign(properties, gone))];
    }
    const statement = (properties: Json) =>
      resource.type === 'AWS::Lambda::Permission' ? properties : statementOf(properties, Number(rest[0]));
    const written = statement(resource.properties as Json);
    const ofStatement = (what: string, change: (one: Json) => unknown, by = relying) =>
      removal(what, (properties) => change(statement(properties)), by);
    const conditions = Object.entries((written.Condition ?? {}) as Record<string, Json>);
    const actions = [written.Action].flat().map(String);
    return [
      ofStatement('the statement', (one) => Object.assign(one, { Action: [] })),
      ...['Principal', 'Resource', 'FunctionName', 'SourceArn', 'SourceAccount']
        .filter((name) => name in written)
        .map((name) => ofStatement(name, (one) => Object.assign(one, { [name]: 'another' }))),
      ...conditions.flatMap(([operator, keys]) =>
        Object.keys(keys).map((key) =>
          ofStatement(`${operator} ${key}`, ({ Condition }) =>
            Object.assign((Condition as Record<string, Json>)[operator] as Json, { [key]: 'another' }),
          ),
        ),
      ),
      ...actions.map((action) =>
        ofStatement(
          action,
          (one) => Object.assign(one, { Action: actions.filter((other) => other !== action) }),
          relying.filter(
            ({ need }) =>
              'action' in need && new RegExp(`^${action.replaceAll('*', '.*')}$`, 'i').test(need.action),
          ),
        ),
      ),
    ];
  });
}

type Json = Record<string, unknown>;

/** Of whichever document a resource has. */
function statementOf(properties: Json, number: number): Json {
  const documents = ['PolicyDocument', 'KeyPolicy', 'AssumeRolePolicyDocument'];
  const found = documents.flatMap((name) => at(properties, `${name}.Statement`))[number];
  if (!found) throw new Error(`no statement ${number}`);
  return found as Json;
}
