import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchExecuteStatementCommand,
  DescribeStatementCommand,
  ExecuteStatementCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data';
import { type FashionLab, openFashionLab } from './fashion-lab.ts';
import { FashionScenarios, wholeRun } from './fashion-scenarios.ts';
import {
  deniedAction,
  Grants,
  grantsOf,
  labFunctions,
  type PolicyDocument,
  synthesizedTemplate,
} from './grants.ts';

const template = synthesizedTemplate('FashionInventory');
const functions = labFunctions(template);
const copyRole = Object.keys(template).find((id) => /^WarehouseCopyRole[0-9A-F]{8}$/.test(id)) ?? '';

/** Whose grants are taken away: each function of the lab, and the role under which the warehouse reads the archive. */
const roles = Object.entries({
  ...Object.fromEntries(Object.entries(functions).map(([name, { role }]) => [name, role])),
  CopyRole: copyRole,
});

const delivery = 'Lambda delivers the log with the rights of the role; the emulator with its own';

/** Grants whose use the laptop cannot show, and why. Nothing else may be without proof. */
const onlyAwsShows: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.keys(functions).flatMap((name) => [
      [`${name}: logs:CreateLogStream`, delivery],
      [`${name}: logs:PutLogEvents`, delivery],
    ]),
  ),
  'CopyRole: s3:ListBucket':
    'Redshift asks for it at every COPY; by manifest, our server has nothing to list',
};

const grants = roles.flatMap(([name, role]) =>
  grantsOf(template, role).map((grant) => {
    const key = `${name}: ${grant.action}`;
    return { ...grant, name, title: `${key} on ${grant.on}`, onlyAws: onlyAwsShows[key] };
  }),
);
const proven = grants.filter(({ onlyAws }) => onlyAws === undefined);
const unproven = grants.filter(({ onlyAws }) => onlyAws !== undefined);

let fashion: FashionLab;
let policies: Grants;
let scenarios: FashionScenarios;
beforeAll(async () => {
  fashion = await openFashionLab();
  policies = new Grants(fashion.laptop, fashion.lab);
  scenarios = new FashionScenarios(fashion, functions, await wholeRun(fashion));
});
afterAll(async () => {
  scenarios?.close();
  policies?.close();
  await fashion?.close();
});

/** Name and error of the first scenario that fails; undefined when none does. */
async function firstFailure(name: string): Promise<{ scenario: string; error: string } | undefined> {
  for (const scenario of scenarios.of(name)) {
    try {
      await scenario.run();
    } catch (error) {
      return { scenario: scenario.name, error: (error as Error).message };
    }
  }
  return undefined;
}

it('every function of the lab has grants to take away', () => {
  expect(Object.keys(functions).sort()).toEqual(['Collect', 'Load', 'Migrate', 'Recover', 'Transform']);
  for (const [name] of roles) expect(proven.some((grant) => grant.name === name)).toBe(true);
  expect(unproven).toHaveLength(Object.keys(onlyAwsShows).length);
});

it.each(proven)('cannot do without $title', async ({ name, title, ...grant }) => {
  const failure = await policies.without(grant, () => firstFailure(name));
  if (!failure) throw new Error(`a spare grant: nothing fails without ${title}`);
  if (deniedAction(failure.error) !== grant.action)
    throw new Error(`without ${title}, "${failure.scenario}" fails for another reason: ${failure.error}`);
});

it.each(unproven)('only AWS shows the use of $title: $onlyAws', async ({ name, ...grant }) => {
  expect(await policies.without(grant, () => firstFailure(name))).toBeUndefined();
});

it('with each grant given back everything runs', async () => {
  for (const name of Object.keys(functions)) expect(await firstFailure(name)).toBeUndefined();
  await wholeRun(fashion);
});

describe('a statement of the warehouse', () => {
  /** Changes the owner that the role may ask about. */
  const owner =
    (value: string) =>
    (document: PolicyDocument): PolicyDocument => ({
      ...document,
      Statement: document.Statement.map((statement) =>
        statement.Condition
          ? {
              ...statement,
              Condition: { StringEquals: { 'redshift-data:statement-owner-iam-userid': value } },
            }
          : statement,
      ),
    });

  it('of another role is not described to the loader', async () => {
    const migrate = functions.Migrate?.logicalId ?? '';
    const adminSecret = fashion.output('AdminSecretName');
    const asMigrate = new RedshiftDataClient({
      ...fashion.lab.dataApi,
      endpoint: fashion.laptop.proxy.url(`FashionInventory/${migrate}`),
    });
    try {
      const { Id } = await asMigrate.send(
        new ExecuteStatementCommand({ ...admin(), Sql: 'SELECT 1', SecretArn: adminSecret }),
      );
      await asMigrate.send(new DescribeStatementCommand({ Id }));
      const asked = scenarios.loadStep({ step: 'check', run: 'another-role', statement: Id });
      await expect(asked).rejects.toThrow('not authorized to perform: redshift-data:DescribeStatement');
    } finally {
      asMigrate.destroy();
    }
  });

  it.each(['Load', 'Migrate'])(
    'of its own is not described to %s where the condition names another',
    async (name) => {
      const role = functions[name]?.role ?? '';
      const failure = await policies.changed(role, owner('AROAEXAMPLE:another'), () => firstFailure(name));
      expect(failure?.error).toContain('not authorized to perform: redshift-data:DescribeStatement');
    },
  );
});

describe('COPY', () => {
  /** @returns the error of a COPY into a table of its own, as the administrator */
  async function copy(from: string): Promise<string | undefined> {
    const data = fashion.driver.data;
    const role = fashion.lab.resources.get(copyRole);
    const { Id } = await data.send(
      new BatchExecuteStatementCommand({
        ...admin(),
        Sqls: [
          'CREATE TABLE public.copied (line VARCHAR(65535))',
          `COPY public.copied FROM '${from}' IAM_ROLE 'arn:aws:iam::${fashion.laptop.account}:role/${role}' FORMAT AS CSV`,
        ],
      }),
    );
    for (;;) {
      await sleep(20);
      const { Status, Error: error } = await data.send(new DescribeStatementCommand({ Id }));
      if (Status === 'FAILED' || Status === 'FINISHED') return error;
    }
  }

  it.each(['xlsx/', 'rejected/', 'corrections/', 'incoming/'])(
    'reads nothing below %s of the archive',
    async (prefix) => {
      const error = await copy(`s3://${fashion.driver.output('ArchiveBucketName')}/${prefix}`);
      expect(deniedAction(error ?? '')).toBe('s3:GetObject');
    },
  );

  it('reads no other bucket', async () => {
    const { account, region } = fashion.laptop;
    const error = await copy(`s3://cdk-hnb659fds-assets-${account}-${region}/any`);
    expect(deniedAction(error ?? '')).toBe('s3:ListBucket');
  });
});

const admin = () => ({
  WorkgroupName: fashion.driver.output('WorkgroupName'),
  Database: fashion.driver.output('DatabaseName'),
});
