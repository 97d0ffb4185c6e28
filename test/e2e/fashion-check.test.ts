import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  DisableAlarmActionsCommand,
  EnableAlarmActionsCommand,
} from '@aws-sdk/client-cloudwatch';
import { IAMClient, TagRoleCommand, UntagRoleCommand } from '@aws-sdk/client-iam';
import {
  GetBucketNotificationConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
} from '@aws-sdk/client-s3';
import {
  ListSubscriptionsByTopicCommand,
  SNSClient,
  SubscribeCommand,
  UnsubscribeCommand,
} from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { logicalIdOf } from '../../local/function-processes.ts';
import { subscribeDuty } from '../../local/on-duty.ts';
import { type CheckCommand, checkCommand, signs } from './check.ts';
import {
  archivedAs,
  type FashionLab,
  importDrop,
  openFashionLab,
  putObject,
  stockOf,
} from './fashion-lab.ts';

let fashion: FashionLab;
let command: CheckCommand;
let topic: string;
let cloudWatch: CloudWatchClient;
let sns: SNSClient;
let iam: IAMClient;

beforeAll(async () => {
  fashion = await openFashionLab();
  command = await checkCommand('fashion', fashion);
  topic = fashion.output('AlarmTopicArn');
  cloudWatch = new CloudWatchClient(fashion.laptop.clients);
  sns = new SNSClient(fashion.laptop.clients);
  iam = new IAMClient(fashion.laptop.clients);
});
afterAll(async () => {
  for (const client of [cloudWatch, sns, iam]) client?.destroy();
  await command?.remove();
  await fashion?.close();
});

const arrives = 'each alarm arrives';
const inSql = 'the newest drop is in SQL';

const states = async () => {
  const { MetricAlarms = [] } = await cloudWatch.send(new DescribeAlarmsCommand({}));
  return MetricAlarms.map(({ AlarmName, StateValue }) => ({ AlarmName, StateValue }));
};

const tables = () =>
  fashion.query(
    `SELECT (SELECT COUNT(*)::int FROM fashion.load_ledger) AS ledger, (SELECT COUNT(*)::int FROM fashion.position_history) AS history,
       (SELECT load_key FROM fashion.current_drop) AS current, (SELECT COUNT(*)::int FROM pg_tables WHERE schemaname = 'fashion_staging') AS staging`,
  );

async function unsubscribe(): Promise<void> {
  const { Subscriptions = [] } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn: topic }));
  for (const { SubscriptionArn } of Subscriptions)
    await sns.send(new UnsubscribeCommand({ SubscriptionArn }));
}
const duty = () => subscribeDuty(fashion.laptop.clients, topic, 'on-duty-again');

it('before any drop, nothing is wrong', async () => {
  const { code, line } = await command.run();
  expect(line(inSql)).toMatch(/^– no drop was collected so far/);
  expect(code).toBe(0);
});

it('a good lab has no ✗, no statement leaves anything, each alarm is put back', async () => {
  await importDrop(fashion, await stockOf({ A: 1, B: 2 }), { date: '2026-11-01', slot: '0600' });
  const before = { tables: await tables(), states: await states() };
  const run = await command.run(['--yes']);
  expect(signs(run)).toBe('✓✓–✓✓✓✓✓✓✓✓✓');
  expect(run.code).toBe(0);
  expect(run.line(arrives)).toBe(`✓ all ${before.states.length}`);
  expect(run.line('every statement of Load')).toMatch(/^✓ \d+ ran, nothing of them stayed$/);
  expect(run.line('database role of Load')).toBe('✓ fashion_loader');
  expect(run.line('database role of the reader')).toBe('✓ fashion_reader');
  expect(run.line(inSql)).toBe('✓ 2026-11-01 0600 inventory.xlsx: 2 rows = 2 loaded + 0 set aside, current');
  expect({ tables: await tables(), states: await states() }).toEqual(before);
});

it.each([
  ['nobody is there to be asked', undefined, /^– not made: --yes sends/],
  ['the one who is asked declines', false, /^– declined: --yes sends/],
])('no alarm sends anything where %s', async (_what, answer, line) => {
  const before = await states();
  const asked: string[] = [];
  const run = await command.run([], {
    ask: async (question) => {
      asked.push(question);
      return answer;
    },
  });
  expect(asked).toEqual([expect.stringContaining('Send them now?')]);
  expect(run.line(arrives)).toMatch(line);
  expect(await states()).toEqual(before);
});

it('an output that the stack lacks is named, and what is asked by it', async () => {
  const { CollectFunctionName: _gone, ...outputs } = fashion.lab.outputs;
  const older = await checkCommand('fashion', { ...fashion, lab: { ...fashion.lab, outputs } });
  try {
    const run = await older.run();
    expect(run.code).toBe(1);
    expect(run.line('outputs')).toBe('✗ missing: CollectFunctionName');
    expect(run.text).toContain('✗ outputs: deploy the stack again');
    expect(run.line('the SFTP server shows the pinned key')).toContain('✗');
  } finally {
    await older.remove();
  }
});

it('a secret that is not filled in, and a host key that is another one, without a value of the secret', async () => {
  await fashion.driver.fillInSecret({ hostKey: '' });
  const unfilled = await command.run();
  expect(unfilled.code).toBe(1);
  expect(unfilled.line('secret is filled in')).toMatch(/^✗ SftpSecretInvalid: .*hostKey/);
  expect(unfilled.text).toContain('✗ secret is filled in: fill in host, port, username, hostKey');
  await fashion.driver.fillInSecret({ hostKey: `SHA256:${'A'.repeat(43)}` });
  const other = await command.run();
  expect(other.code).toBe(1);
  expect(other.line('secret is filled in')).toBe('✓ well formed');
  expect(other.line('the SFTP server shows the pinned key')).toMatch(
    /^✗ SftpHostKeyMismatch: .*shows SHA256:/,
  );
  expect(other.text).toContain('ask the client over another channel');
  for (const { text } of [unfilled, other]) expect(text).not.toContain(fashion.driver.password);
  await fashion.driver.fillInSecret({});
});

it('an alarm that may not act, a topic without a subscriber, and a message that does not arrive', async () => {
  const [{ AlarmName = '' } = {}] = (await states()).filter(({ AlarmName: name }) =>
    name?.startsWith('Fashion'),
  );
  await cloudWatch.send(new DisableAlarmActionsCommand({ AlarmNames: [AlarmName] }));
  await unsubscribe();
  const mute = await command.run();
  expect(mute.code).toBe(1);
  expect(mute.line('each alarm has an action')).toBe(`✗ mute: ${AlarmName}`);
  expect(mute.line('somebody is subscribed')).toBe(`✗ nobody, to ${topic}`);
  expect(mute.text).toContain(`aws sns subscribe --topic-arn ${topic}`);
  await cloudWatch.send(new EnableAlarmActionsCommand({ AlarmNames: [AlarmName] }));
  // A queue that does not let the topic send.
  const sqs = new SQSClient(fashion.laptop.clients);
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'closed' }));
  const asked = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] });
  const Endpoint = (await sqs.send(asked)).Attributes?.QueueArn;
  sqs.destroy();
  await sns.send(new SubscribeCommand({ TopicArn: topic, Protocol: 'sqs', Endpoint }));
  const lost = await command.run(['--yes'], { patience: 1_000 });
  expect(lost.code).toBe(1);
  expect(lost.line('somebody is subscribed')).toBe('✓ sqs');
  expect(lost.line(arrives)).toMatch(/^✗ \S+ sent nothing$/);
  await unsubscribe();
  await duty();
});

it('a right in the warehouse that was taken away is named, with its statement', async () => {
  await fashion.query('REVOKE SELECT ON fashion.report_template FROM fashion_loader');
  const run = await command.run();
  await fashion.query('GRANT SELECT ON fashion.report_template TO fashion_loader');
  expect(run.code).toBe(1);
  expect(run.line('every statement of Load')).toMatch(
    /^✗ .*permission denied.*report_template.*statement 3: CREATE/i,
  );
  expect(run.line('database role of Load')).toBe('✓ fashion_loader');
});

it('a database role that is not held', async () => {
  const { functions } = fashion.lab.assembly;
  const load = functions.find(({ logicalId }) => logicalId === logicalIdOf(fashion.lab, 'Load'));
  const RoleName = fashion.lab.resources.get(load?.roleLogicalId ?? '');
  await iam.send(new UntagRoleCommand({ RoleName, TagKeys: ['RedshiftDbRoles'] }));
  const run = await command.run();
  await iam.send(
    new TagRoleCommand({ RoleName, Tags: [{ Key: 'RedshiftDbRoles', Value: 'fashion_loader' }] }),
  );
  expect(run.code).toBe(1);
  expect(run.line('database role of Load')).toMatch(/^✗ IAMR:\S+ holds no role, not fashion_loader$/);
  expect(run.line('every statement of Load')).toContain('✗');
  expect(run.text).toContain('look at the tag RedshiftDbRoles');
});

it('a drop that was refused, and one whose event was lost', async () => {
  await importDrop(fashion, Buffer.from('no workbook'), { date: '2026-11-02', slot: '0600' });
  const refused = await command.run();
  expect(refused.code).toBe(1);
  expect(refused.line(inSql)).toMatch(/^✗ 2026-11-02 0600 inventory\.xlsx: WorkbookUnreadable/);
  expect(refused.text).toContain('--date 2026-11-02 --slot 0600 --from xlsx');

  const { s3 } = fashion.driver;
  const Bucket = fashion.output('ArchiveBucketName');
  const { $metadata: _, ...events } = await s3.send(
    new GetBucketNotificationConfigurationCommand({ Bucket }),
  );
  await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: {} }));
  const bytes = await stockOf({ A: 3 });
  await putObject(fashion, archivedAs(bytes, { date: '2026-11-03', slot: '0600' }), bytes);
  const lost = await command.run();
  expect(lost.code).toBe(1);
  expect(lost.line(inSql)).toMatch(/^✗ 2026-11-03 0600 .* no import was started: its event was lost$/);
  await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: events }));
});

it('--follow waits for the next drop, whatever was before', async () => {
  const running = command.run(['--follow']);
  const bytes = await stockOf({ A: 4 });
  await Promise.all([running, importNext(bytes)]);
  expect((await running).line(inSql)).toBe(
    '✓ 2026-11-04 0600 inventory.xlsx: 1 rows = 1 loaded + 0 set aside, current',
  );
});

/** Once the command has seen what was there before: it lists the archive after everything else. */
async function importNext(bytes: Uint8Array): Promise<void> {
  await command.follows();
  await importDrop(fashion, bytes, { date: '2026-11-04', slot: '0600' });
}
