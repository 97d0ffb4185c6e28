import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchExecuteStatementCommand,
  DescribeStatementCommand,
  ExecuteStatementCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data';
import { ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { DrivenLab } from '../../local/driven-lab.ts';
import { deniedAction } from '../../local/proxy/iam-authorizer.ts';
import {
  allSynthesizedResources,
  functionIds,
  Grants,
  type Resources,
  rolesOf,
  synthesizedResources,
} from './grants.ts';
import { onlyAwsShows, rowOf } from './only-aws-shows.ts';
import { SchemaScenarios } from './schema-scenarios.ts';

/** One of the smallest runs that together use every grant of a role. */
export interface Scenario {
  name: string;
  /** @throws Error with what was said by whoever failed */
  run(): Promise<unknown>;
}

export interface Scenarios {
  /** By the name of the role under which they run: a function's construct id, else the role's logical id without its hash. */
  of: Readonly<Record<string, readonly Scenario[]>>;
  /** Everything in its turn; every role of the lab takes part. */
  wholeRun(): Promise<unknown>;
  close(): void;
}

export interface LabUnderTest<Lab extends DrivenLab> {
  stack: string;
  open(): Promise<Lab>;
  /** What runs on a lab that was just deployed. The migrations are everybody's, and are not of these. */
  scenarios(lab: Lab): Promise<Scenarios>;
}

/** How a run failed, and the action that was denied in it. */
interface Failure {
  scenario: string;
  error: string;
  denied: string | undefined;
}

/**
 * Every grant of every role of a stack is needed: without it, something fails by that action's name. What only AWS shows is
 * listed with its reason, exactly (only-aws-shows.ts).
 */
export function proveGrants<Lab extends DrivenLab>({
  stack,
  open,
  scenarios: make,
}: LabUnderTest<Lab>): void {
  const resources = synthesizedResources(stack);
  const roles = rolesOf(resources);
  const grants = roles.flatMap((role) =>
    role.grants.map((grant) => ({
      grant,
      role,
      title: `${role.name}: ${grant.action} on ${grant.on}`,
      isListed: rowOf(grant, role, resources) !== undefined,
    })),
  );
  const proven = grants.filter(({ isListed }) => !isListed);
  const listed = grants.filter(({ isListed }) => isListed).map(({ grant }) => grant);

  let lab: Lab;
  let policies: Grants;
  let own: Scenarios;
  let schema: SchemaScenarios;
  const of = (): Readonly<Record<string, readonly Scenario[]>> => ({ ...schema.of, ...own.of });
  beforeAll(async () => {
    lab = await open();
    policies = new Grants(lab.laptop, lab.lab);
    schema = new SchemaScenarios(lab, resources);
    own = await make(lab);
  });
  afterAll(async () => {
    own?.close();
    schema?.close();
    policies?.close();
    await lab?.close();
  });

  /** The first scenario that fails; undefined when none does. */
  async function firstFailure(names: readonly string[]): Promise<Failure | undefined> {
    for (const { name: scenario, run } of names.flatMap((name) => of()[name] ?? [])) {
      const begun = Date.now();
      try {
        await run();
      } catch (error) {
        const { message } = error as Error;
        // Whoever was denied may keep to itself what; the proxy has seen it.
        const seen = lab.laptop.proxy.log.entries().findLast(({ at, denied }) => denied && at >= begun);
        return { scenario, error: message, denied: deniedAction(message) ?? seen?.denied };
      }
    }
    return undefined;
  }

  function expectDenied(failure: Failure | undefined, actions: readonly string[], what: string): void {
    if (!failure) throw new Error(`nothing fails ${what}`);
    if (!failure.denied || !actions.includes(failure.denied))
      throw new Error(`${what}, "${failure.scenario}" fails for another reason: ${failure.error}`);
  }

  it('every role is spoken of: by what runs under it, or by why nothing here shows what it may do', () => {
    const unspoken = proven.filter(({ role }) => !of()[role.name]).map(({ title }) => title);
    expect(unspoken).toEqual([]);
    const names = roles.map(({ name }) => name);
    expect(Object.keys(of()).filter((name) => !names.includes(name))).toEqual([]);
  });

  it('every reason is of a grant that a lab has', () => {
    const needed = new Set(
      allSynthesizedResources().flatMap((each) =>
        rolesOf(each).flatMap((role) =>
          role.grants.map((grant) => `${rowOf(grant, role, each)?.why}: ${grant.action}`),
        ),
      ),
    );
    const rows = onlyAwsShows.flatMap(({ why, actions }) => actions.map((action) => `${why}: ${action}`));
    expect(rows.filter((row) => !needed.has(row))).toEqual([]);
  });

  it.each(proven)('nobody can do without $title', async ({ grant, role, title }) => {
    const failure = await policies.without([grant], () => firstFailure([role.name]));
    expectDenied(failure, [grant.action], `without ${title}`);
  });

  it('without all that only AWS shows, at once, everything runs', async () => {
    await policies.without(listed, expectEverythingRuns);
  });

  const conditions = roles.flatMap(({ logicalId, name, conditions: held }) =>
    held.map((each) => ({ ...each, logicalId, name, title: each.actions.join(', ') })),
  );
  if (conditions.length > 0) {
    it.each(conditions)(
      '$name may do $title under its condition alone',
      async ({ logicalId, name, title, ...each }) => {
        const failure = await policies.underAnotherCondition(logicalId, each.statement, () =>
          firstFailure([name]),
        );
        expectDenied(failure, each.actions, `${title} under another condition`);
      },
    );
  }

  const ids = functionIds(resources);
  const readers = Object.keys(ids).filter((name) =>
    roles.some((role) => role.name === name && role.grants.some(({ action }) => action === describe)),
  );
  if (readers.length > 0) {
    it.each(readers)('%s sees no statement of the warehouse that another one ran', async (name) => {
      const endpoint = lab.laptop.proxy.url(`${stack}/${ids[name]}`);
      const data = new RedshiftDataClient(lab.lab.dataApi);
      const asReader = new RedshiftDataClient({ ...lab.lab.dataApi, endpoint });
      try {
        const { Id } = await data.send(new ExecuteStatementCommand({ ...warehouseOf(lab), Sql: 'SELECT 1' }));
        await data.send(new DescribeStatementCommand({ Id }));
        const seen = asReader.send(new DescribeStatementCommand({ Id }));
        await expect(seen).rejects.toThrow(`not authorized to perform: ${describe}`);
      } finally {
        data.destroy();
        asReader.destroy();
      }
    });
  }

  const copyRole = roles.find(({ principals }) => principals.includes('redshift.amazonaws.com'));
  if (copyRole) {
    const read = copyRole.grants.filter(({ action }) => action === 's3:GetObject').map(({ on }) => on);
    const others = archivePrefixes(resources).filter((prefix) => !read.includes(`${prefix}*`));
    it.each(others)('COPY reads nothing below %s of the archive', async (prefix) => {
      const Bucket = lab.output('ArchiveBucketName');
      await putWhereNothingIs(lab, Bucket, prefix);
      const error = await copy(lab, copyRole.logicalId, `s3://${Bucket}/${prefix}`);
      expect(deniedAction(error ?? '')).toBe('s3:GetObject');
    });

    it('COPY reads no other bucket', async () => {
      const { account, region } = lab.laptop;
      const from = `s3://cdk-hnb659fds-assets-${account}-${region}/any`;
      const error = await copy(lab, copyRole.logicalId, from);
      expect(deniedAction(error ?? '')).toBe('s3:ListBucket');
    });
  }

  it('with each grant given back everything runs', expectEverythingRuns);

  async function expectEverythingRuns(): Promise<void> {
    expect(await firstFailure(Object.keys(of()))).toBeUndefined();
    await own.wholeRun();
  }
}

const describe = 'redshift-data:DescribeStatement';

const warehouseOf = ({ output }: DrivenLab) => ({
  WorkgroupName: output('WorkgroupName'),
  Database: output('DatabaseName'),
});

/** What the rules of the archive's life cycle are for. */
function archivePrefixes(resources: Resources): string[] {
  const prefixes = Object.values(resources).flatMap(({ Properties }) => {
    const rules = (Properties?.LifecycleConfiguration ?? {}) as { Rules?: { Prefix?: string }[] };
    return (rules.Rules ?? []).flatMap(({ Prefix }) => Prefix ?? []);
  });
  return [...new Set(prefixes)];
}

/** A COPY that finds nothing to read shows nothing. */
async function putWhereNothingIs({ laptop }: DrivenLab, Bucket: string, Prefix: string): Promise<void> {
  const s3 = new S3Client({ ...laptop.clients, forcePathStyle: true });
  try {
    const { KeyCount = 0 } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix, MaxKeys: 1 }));
    if (KeyCount === 0)
      await s3.send(new PutObjectCommand({ Bucket, Key: `${Prefix}not-for-copy`, Body: '1' }));
  } finally {
    s3.destroy();
  }
}

/** @returns the error of a COPY into a table of its own, as the administrator */
async function copy(lab: DrivenLab, roleId: string, from: string): Promise<string | undefined> {
  const data = new RedshiftDataClient(lab.lab.dataApi);
  const role = `arn:aws:iam::${lab.laptop.account}:role/${lab.lab.resources.get(roleId)}`;
  try {
    const { Id } = await data.send(
      new BatchExecuteStatementCommand({
        ...warehouseOf(lab),
        Sqls: [
          'CREATE TABLE public.copied (line VARCHAR(65535))',
          `COPY public.copied FROM '${from}' IAM_ROLE '${role}' FORMAT AS CSV`,
        ],
      }),
    );
    for (;;) {
      await sleep(20);
      const { Status, Error: error } = await data.send(new DescribeStatementCommand({ Id }));
      if (Status === 'FAILED' || Status === 'FINISHED') return error;
    }
  } finally {
    data.destroy();
  }
}
