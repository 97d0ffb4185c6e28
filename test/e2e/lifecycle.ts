import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudFormationClient, DescribeStackEventsCommand } from '@aws-sdk/client-cloudformation';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { jest } from '@jest/globals';
import pg from 'pg';
import { migrationsFolder } from '../../domain/warehouse/contract.ts';
import type { Template } from '../../local/assembly.ts';
import { createProgress, type Progress } from '../../local/core/progress.ts';
import { drain, type InFlight } from '../../local/drain.ts';
import type { DrivenLab } from '../../local/driven-lab.ts';
import type { LabTarget } from '../../local/lab-target.ts';
import { type DeployedLab, type Laptop, startLaptop } from '../../local/laptop.ts';
import { stackId } from '../../local/stacks.ts';

/** What the course of a stack's life takes to know of its lab. */
export interface Living<Lab extends DrivenLab> {
  /** Deploys the stack with its secrets as it makes them, and only then brings up what is outside of AWS, and the logins. */
  deploy(laptop: Laptop, progress: Progress): Promise<Lab>;
  /** The same, and waits until it is in the archive and in SQL. */
  pass(lab: Lab): Promise<void>;
  /** Counts what `pass` has brought into SQL. */
  rows: string;
  /** Something new on its way through the lab; nobody waits for it. */
  send(lab: Lab): Promise<void>;
  /** Rows that SQL must have in the end, of all that was sent. */
  sent(lab: Lab): number;
  /** Ends what is a service on AWS and a process here. @default nothing */
  stopped?(lab: Lab): Promise<void>;
  /** As `npm run drain` asks it. @default nothing */
  inFlight?(target: LabTarget): InFlight;
  /** Does what the README says about the data of a stack that is gone. @param oldArchive its bucket */
  bringIn(lab: Lab, oldArchive: string): Promise<void>;
}

/**
 * A stack's life, one step after another on one laptop, with data in between. All of it runs on the emulator: stacks are
 * created, updated, rolled back and deleted by its CloudFormation, deletion policies included. What is no resource there,
 * warehouse and service among them, is asserted on the template: test/stacks/labs.test.ts, "when the stack of %s goes".
 */
export function lifecycle<Lab extends DrivenLab>(living: Living<Lab>): void {
  const { deploy, pass, rows, bringIn } = living;
  jest.setTimeout(600_000); // deploys and deletes whole stacks on a machine that may be busy
  const progress = createProgress({ quiet: true });
  let laptop: Laptop;
  let lab: Lab;
  /** The stack as its last update left it. */
  let deployed: DeployedLab;
  let scratch: string;
  /** What the first stack has left. */
  let left: { archive: string; names: string[]; rows: number };

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'labs-lifecycle-'));
    laptop = await startLaptop(progress);
  });
  afterAll(async () => {
    await lab?.disconnect();
    await laptop?.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  const count = async () => (await lab.query<{ rows: number }>(rows))[0]?.rows ?? 0;
  /** Something new goes through, and what was there stays. */
  const flows = async () => {
    const before = await count();
    await pass(lab);
    expect(await count()).toBeGreaterThan(before);
  };
  const versions = async () => {
    const [, { Properties = {} }] = migrationsOf(deployed.assembly.template);
    const ledger = await lab.query<{ version: string }>(
      `SELECT version FROM public.${Properties.Ledger} ORDER BY version`,
    );
    return ledger.map(({ version }) => version);
  };

  it('a first deploy takes no secret to be filled in; then data flows', async () => {
    lab = await deploy(laptop, progress);
    deployed = lab.lab;
    await flows();
  });

  it('an update of what functions have: each stays the same function, and data flows', async () => {
    const functions = deployed.assembly.functions.map(({ logicalId }) => logicalId);
    const more = (template: Template) => {
      for (const id of functions) {
        const { Properties = {} } = template.Resources[id] ?? {};
        Properties.MemorySize = Number(Properties.MemorySize ?? 128) + 64;
      }
    };
    const before = deployed;
    deployed = await laptop.update(before, progress, { change: more });
    expect(deployed.resources).toEqual(before.resources);
    expect(deployed.outputs).toEqual(before.outputs);
    const lambda = new LambdaClient(laptop.clients);
    for (const id of functions) {
      const { MemorySize } = await lambda.send(
        new GetFunctionConfigurationCommand({ FunctionName: deployed.resources.get(id) }),
      );
      expect([id, MemorySize]).toEqual([
        id,
        deployed.assembly.template.Resources[id]?.Properties?.MemorySize,
      ]);
    }
    lambda.destroy();
    await flows();
  });

  it('an update with a migration: it is applied, and data flows', async () => {
    const before = await versions();
    const { synthesized, version } = await withMigration(join(scratch, 'first'), deployed, 1);
    deployed = await laptop.update(deployed, progress, { synthesized });
    expect(await versions()).toEqual([...before, version]);
    await flows();
  });

  it('an update that fails after its migration is rolled back; the migration stays, and data flows', async () => {
    const before = await versions();
    const { synthesized, version } = await withMigration(join(scratch, 'second'), deployed, 2);
    const nobody = `arn:aws:lambda:${laptop.region}:${laptop.account}:function:nobody`;
    const change = (template: Template) => {
      template.Resources.CannotBeMade = {
        Type: 'AWS::CloudFormation::CustomResource',
        Properties: { ServiceToken: nobody },
        DependsOn: [migrationsOf(template)[0]],
      };
    };
    // Its failure is what is wanted: nobody needs to read of it.
    const unheard = createProgress({ animated: false, stream: { write: () => undefined } });
    await expect(laptop.update(deployed, unheard, { synthesized, change })).rejects.toMatchObject({
      code: 'CdkFailed',
      message: expect.stringMatching(/ is UPDATE_ROLLBACK_COMPLETE: .*CannotBeMade/),
    });
    expect(await versions()).toEqual([...before, version]);
    await flows();
  });

  it('drained, with something new on its way: all of it is in the archive and in SQL', async () => {
    await living.send(lab);
    await living.stopped?.(lab);
    const target = { ...deployed, clients: laptop.clients, pathStyle: true };
    const ended = await drain({
      target,
      inFlight: living.inFlight?.(target),
      progress,
      signal: AbortSignal.timeout(240_000), // says what it waits for in vain, before jest ends it
    });
    expect(ended).toBe(0);
    expect(await count()).toBe(living.sent(lab));
    const scheduler = new SchedulerClient(laptop.clients);
    for (const [id, { Type }] of Object.entries(deployed.assembly.template.Resources)) {
      if (Type !== 'AWS::Scheduler::Schedule') continue;
      const { State } = await scheduler.send(new GetScheduleCommand({ Name: deployed.resources.get(id) }));
      expect([id, State]).toEqual([id, 'DISABLED']);
    }
    scheduler.destroy();
  });

  it('destroyed: what has data stays with all of it, what has none goes', async () => {
    const { stack, assembly, outputs } = deployed;
    const all = await count();
    await lab.disconnect();
    const id = await stackId(laptop.clients, stack);
    const database = await laptop.destroy(deployed);

    const ends = await endsOf(laptop, id);
    for (const [logicalId, resource] of Object.entries(assembly.template.Resources)) {
      const stays = resource.DeletionPolicy === 'RetainExceptOnCreate';
      expect([logicalId, ends.get(logicalId)]).toEqual([
        logicalId,
        stays ? 'DELETE_SKIPPED' : 'DELETE_COMPLETE',
      ]);
    }
    const { host, port, user, password } = laptop.postgres;
    const warehouse = new pg.Client({ host, port, user, password, database });
    await warehouse.connect();
    expect((await warehouse.query(rows)).rows).toEqual([{ rows: all }]);
    await warehouse.end();
    left = { archive: outputs.ArchiveBucketName ?? '', names: [...deployed.resources.values()], rows: all };
  });

  it('deployed again under names of its own: data flows, and what the first one left is brought in', async () => {
    lab = await deploy(laptop, progress);
    deployed = lab.lab;
    for (const [logicalId, { DeletionPolicy }] of Object.entries(deployed.assembly.template.Resources)) {
      if (DeletionPolicy !== 'RetainExceptOnCreate') continue;
      expect(left.names).not.toContain(deployed.resources.get(logicalId));
    }
    expect(await count()).toBe(0);
    await flows();
    const own = await count();
    await bringIn(lab, left.archive);
    expect(await count()).toBe(own + left.rows);
  });
}

/** The migrations' resource of a template, by its logical id. */
function migrationsOf(template: Template) {
  const found = Object.entries(template.Resources).find(
    ([, { Type }]) => Type === 'Custom::WarehouseMigrations',
  );
  if (!found) throw new Error('the template has no migrations');
  return found;
}

/**
 * What `cdk synth` makes of a lab to which somebody has added a migration: another checksum, and another asset of the function
 * that applies it.
 *
 * @param ahead of the last version that the repository has
 */
async function withMigration(directory: string, { stack, assembly }: DeployedLab, ahead: number) {
  await cp(assembly.from, directory, { recursive: true });
  const path = join(directory, `${stack}.template.json`);
  const template = JSON.parse(await readFile(path, 'utf8')) as Template;
  const [, migrations] = migrationsOf(template);
  const code = Object.values(template.Resources)
    .filter(({ Type }) => Type === 'AWS::Lambda::Function')
    .map(
      ({ Properties = {} }) =>
        String((Properties.Code as { S3Key?: string } | undefined)?.S3Key).split('.')[0],
    );
  const folderOf = (hash: string) => join(directory, `asset.${hash}`, migrationsFolder);
  const there = await Promise.all(
    code.map(async (hash = '') => ({ hash, files: await readdir(folderOf(hash)).catch(() => []) })),
  );
  const [asset] = there.filter(({ files }) => files.length > 0);
  if (!asset) throw new Error('no function has migrations');
  const version = String(Number(asset.files.sort().at(-1)?.slice(0, 4)) + 1).padStart(4, '0');
  await writeFile(
    join(folderOf(asset.hash), `${version}_lifecycle_${ahead}.sql`),
    `CREATE TABLE public.lifecycle_${ahead} (id INTEGER);\n`,
  );
  const hash = createHash('sha256').update(`${asset.hash} ${ahead}`).digest('hex');
  migrations.Properties = { ...migrations.Properties, Checksum: hash };
  await writeFile(path, JSON.stringify(template));
  await rename(join(directory, `asset.${asset.hash}`), join(directory, `asset.${hash}`));
  for (const file of [path, join(directory, `${stack}.assets.json`)])
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll(asset.hash, hash));
  return { synthesized: directory, version };
}

/** The last status of each resource of a stack that is gone, by logical id. */
async function endsOf({ clients }: Laptop, id: string): Promise<Map<string, string>> {
  const cloudFormation = new CloudFormationClient(clients);
  const ends = new Map<string, string>();
  for (let NextToken: string | undefined, first = true; first || NextToken; first = false) {
    const page = await cloudFormation.send(new DescribeStackEventsCommand({ StackName: id, NextToken }));
    // Newest first.
    for (const { LogicalResourceId = '', ResourceStatus = '' } of page.StackEvents ?? [])
      if (!ends.has(LogicalResourceId)) ends.set(LogicalResourceId, ResourceStatus);
    NextToken = page.NextToken;
  }
  cloudFormation.destroy();
  return ends;
}
