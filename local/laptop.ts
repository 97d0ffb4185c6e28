import { randomUUID } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import type { Agent } from 'node:https';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { CloudFormationClient, DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { LabError } from '../domain/errors.ts';
import { type LocalAssembly, localAssembly, type Template, textOf } from './assembly.ts';
import { encryptBuckets } from './bucket-encryption.ts';
import { cdk } from './cdk.ts';
import { type Certificate, makeCertificate, trustingAgent } from './core/certificate.ts';
import { type Postgres, startPostgres } from './core/postgres.ts';
import type { Progress } from './core/progress.ts';
import { openRunDirectory, type RunDirectory } from './core/run-directory.ts';
import { dataApiCallers } from './data-api-caller.ts';
import {
  account as emulatorAccount,
  region as emulatorRegion,
  rootCredentials,
  startEmulator,
} from './emulator.ts';
import { RoleJudge } from './iam.ts';
import { subscribeDuty } from './on-duty.ts';
import { iamAuthorizer } from './proxy/iam-authorizer.ts';
import { type RunningProxy, startProxy } from './proxy/proxy.ts';
import { bucketKeys, sseKmsHook } from './proxy/sse-kms.ts';
import { type RedshiftDataServer, startRedshiftData } from './redshift-data/server.ts';
import { setDatabaseAside } from './redshift-data/warehouse.ts';
import { bootstrapStack, deleteStack, executeChangeSet, stackId } from './stacks.ts';

/** Configuration that every SDK client of the laptop takes. */
export interface ClientConfig {
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  requestHandler: { httpsAgent: Agent };
}

export interface DeployedLab {
  stack: string;
  /** By output name. */
  outputs: Readonly<Record<string, string>>;
  assembly: LocalAssembly;
  /** Physical ids by logical id. */
  resources: ReadonlyMap<string, string>;
  /** SDK configuration of the Data API of this lab's warehouse. */
  dataApi: ClientConfig;
}

/** What an update of a stack brings. */
export interface StackUpdate {
  /** The cloud assembly, as `cdk synth` makes it. @default the one that the stack was deployed from */
  synthesized?: string;
  /** As at the deploy: without it, what that one changed is undone. */
  change?: ((template: Template) => void) | undefined;
}

export interface Laptop {
  /** The AWS API. */
  endpoint: string;
  /** True where the endpoint was given by AWS_ENDPOINT_URL. */
  external: boolean;
  region: string;
  account: string;
  runDirectory: RunDirectory;
  certificate: Certificate;
  postgres: Postgres;
  proxy: RunningProxy;
  /** Clients as the account's root. */
  clients: ClientConfig;
  /** Settles when a part ends that should not have; never resolves. */
  broken: Promise<never>;
  /**
   * Deploys one stack of the app, in the state the repository is in.
   *
   * @param change what of the laptop's copy of the template shall differ, such as the waits of an input
   */
  deploy(stack: string, progress: Progress, change?: (template: Template) => void): Promise<DeployedLab>;
  /**
   * Updates a stack that is deployed.
   *
   * @throws CdkFailed where a resource failed; then the stack is as it was before
   */
  update(lab: DeployedLab, progress: Progress, update: StackUpdate): Promise<DeployedLab>;
  /**
   * Deletes a stack. What stays of its warehouse is a database of PostgreSQL that nobody asks.
   *
   * @returns the name of that database; undefined for a lab without a warehouse
   */
  destroy(lab: DeployedLab): Promise<string | undefined>;
  /**
   * What a program needs in its environment to run as one of a stack's roles: where the AWS API is, by a way of its own
   * through the proxy, and the role's credentials.
   *
   * @param caller its name for the proxy, such as `StockTrends/Feed`
   */
  environmentAs(lab: DeployedLab, caller: string, roleLogicalId: string): Promise<Record<string, string>>;
  /** To be done before the parts are stopped. */
  onStop(cleanup: () => Promise<unknown>): void;
  stop(): Promise<void>;
}

/**
 * Starts what every lab needs: the emulator (or the endpoint in AWS_ENDPOINT_URL), PostgreSQL, the proxy in front.
 * Whatever was started is stopped again when a later part fails.
 */
export async function startLaptop(progress: Progress, env: NodeJS.ProcessEnv = process.env): Promise<Laptop> {
  const runDirectory = await openRunDirectory();
  const cleanups: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup().catch(() => undefined);
    await runDirectory.close();
  };
  try {
    return await startParts(progress, env, runDirectory, cleanups, stop);
  } catch (error) {
    runDirectory.keep();
    await stop();
    throw error;
  }
}

async function startParts(
  progress: Progress,
  env: NodeJS.ProcessEnv,
  runDirectory: RunDirectory,
  cleanups: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<Laptop> {
  const python = env.LABS_PYTHON ?? join('.local', 'python', 'bin', 'python');
  const certificate = await makeCertificate({ directory: join(runDirectory.path, 'tls'), python });
  const external = env.AWS_ENDPOINT_URL !== undefined && env.AWS_ENDPOINT_URL !== '';
  if (external) trustAlso(certificate, env);
  const agent = trustingAgent(certificate);
  cleanups.push(async () => agent.destroy());

  let fail: (error: Error) => void = () => undefined;
  const broken = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  broken.catch(() => undefined); // whoever runs a lab races it; at the stop, when parts do end, nobody does

  const endpoint = external
    ? (env.AWS_ENDPOINT_URL as string)
    : await progress.step('AWS emulator', async (report) => {
        const emulator = await startEmulator({ python, runDirectory, certificate });
        cleanups.push(() => emulator.stop());
        void emulator.process.exited.then(({ code, signal }) => {
          const how = `with ${signal ?? `code ${code}`}, ${emulator.process.logFile}`;
          fail(new LabError('EmulatorEnded', how));
        });
        report.detail(`MiniStack ${emulator.version} on ${emulator.url}, IAM enforced`);
        return emulator.url;
      });
  const credentials = external
    ? {
        accessKeyId: env.AWS_ACCESS_KEY_ID ?? rootCredentials.accessKeyId,
        secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? rootCredentials.secretAccessKey,
        sessionToken: env.AWS_SESSION_TOKEN,
      }
    : rootCredentials;
  const region = (external && (env.AWS_REGION ?? env.AWS_DEFAULT_REGION)) || emulatorRegion;
  const clients: ClientConfig = { endpoint, region, credentials, requestHandler: { httpsAgent: agent } };
  const account = external ? await identify(clients) : emulatorAccount;
  // Stacks are destroyed and root is assumed: never in an account that is somebody's.
  if (account !== emulatorAccount)
    throw new LabError('EndpointNotEmulator', `${endpoint}, account ${account}`);

  const postgres = await progress.step('PostgreSQL', async (report) => {
    const server = await startPostgres({ runDirectory, onDeath: (error) => fail(error) });
    cleanups.push(() => server.stop());
    report.detail(`${server.version} on ${server.host}:${server.port}`);
    return server;
  });

  const roles = new Map<string, string>();
  const proxy = await startProxy({ certificate, upstreams: { default: endpoint } });
  cleanups.push(() => proxy.close());
  if (!external) {
    proxy.use(
      sseKmsHook({
        authorizer: iamAuthorizer({ endpoint, agent, region, account }),
        keyOfBucket: bucketKeys({ endpoint, agent, region, account }),
        roleOf: (caller) => roles.get(caller),
        region,
        account,
      }),
    );
  }

  const parts: Parts = {
    endpoint,
    external,
    region,
    account,
    runDirectory,
    certificate,
    agent,
    postgres,
    proxy,
    clients,
    roles,
    cleanups,
    broken,
    dataApis: new Map(),
    assemblies: 0,
    bootstrapped: false,
  };
  return {
    ...parts,
    deploy: (stack, labProgress, change) => deploy(parts, stack, labProgress, change),
    update: (lab, labProgress, update) => updateStack(parts, lab, labProgress, update),
    destroy: (lab) => destroy(parts, lab),
    environmentAs: (lab, caller, roleLogicalId) => environmentAs(parts, lab, caller, roleLogicalId),
    onStop: (cleanup) => cleanups.push(cleanup),
    stop,
  };
}

type Parts = Omit<Laptop, 'deploy' | 'update' | 'destroy' | 'environmentAs' | 'onStop' | 'stop'> & {
  agent: Agent;
  /** Role name by caller of the proxy. */
  roles: Map<string, string>;
  cleanups: (() => Promise<unknown>)[];
  /** Closes the Data API of a stack's warehouse, by the stack's name. */
  dataApis: Map<string, () => Promise<unknown>>;
  /** Local assemblies that were made: each has a directory of its own. */
  assemblies: number;
  /** True once a stack was deployed: they share what the bootstrap makes. */
  bootstrapped: boolean;
};

/** An endpoint of the user's may have a certificate of its own, or a public one. */
function trustAlso(certificate: Certificate, env: NodeJS.ProcessEnv): void {
  const own = env.AWS_CA_BUNDLE ?? env.NODE_EXTRA_CA_CERTS;
  const more = [...(own ? [readFileSync(own, 'utf8')] : []), ...rootCertificates];
  appendFileSync(certificate.authority, `\n${more.join('\n')}\n`);
}

async function identify(clients: ClientConfig): Promise<string> {
  const sts = new STSClient({ ...clients, maxAttempts: 1 });
  try {
    return (await sts.send(new GetCallerIdentityCommand({}))).Account ?? emulatorAccount;
  } catch (error) {
    throw new LabError('EndpointUnreachable', `${clients.endpoint}: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    sts.destroy();
  }
}

async function deploy(
  laptop: Parts,
  stack: string,
  progress: Progress,
  change?: (template: Template) => void,
): Promise<DeployedLab> {
  const { runDirectory, proxy, region, account } = laptop;
  // The tests make it once for all their laptops.
  const synthesized = process.env.LABS_ASSEMBLY ?? join(runDirectory.path, `${stack}.cdk.out`);
  if (!process.env.LABS_ASSEMBLY) {
    await progress.step(`cdk synth ${stack}`, () =>
      runCdk(laptop, 'synth', stack, '--quiet', '--output', synthesized),
    );
  }
  const assembly = await localize(laptop, stack, progress, { synthesized, change });
  for (const [standIn, count] of assembly.used) {
    progress.line(`    ${count} x ${standIn.type}: ${standIn.standIn} (${standIn.why})`);
  }

  await progress.step('cdk bootstrap', async () => {
    if (laptop.external)
      await runCdk(laptop, 'bootstrap', `aws://${account}/${region}`, '--app', assembly.directory);
    else if (!laptop.bootstrapped) await bootstrapStack(laptop.clients);
    laptop.bootstrapped = true;
  });
  if (laptop.external) {
    // What an earlier run left there belongs to a warehouse that is gone.
    const remove = () => runCdk(laptop, 'destroy', stack, '--app', assembly.directory, '--force');
    await progress.step(`cdk destroy ${stack}, if it is there`, remove);
    laptop.cleanups.push(remove);
  }
  return progress.step(`cdk deploy ${stack}`, async (report) => {
    const changeSet = await prepareChangeSet(laptop, stack, assembly);
    // Names end in a part of the stack's id, which is known by now; the migrations ask for the warehouse by its name.
    const api = await startDataApi(laptop, stack, assembly, await stackId(laptop.clients, stack));
    proxy.route('redshift-data', api.url, stack);
    const outputs = await executeChangeSet(laptop.clients, stack, changeSet);
    if (outputs.AlarmTopicArn) await subscribeDuty(laptop.clients, outputs.AlarmTopicArn, `${stack}-on-duty`);
    report.detail(`${Object.keys(assembly.template.Resources).length} resources`);
    return deployed(laptop, { stack, outputs, assembly, dataApi: { ...laptop.clients, endpoint: api.url } });
  });
}

async function updateStack(
  laptop: Parts,
  lab: DeployedLab,
  progress: Progress,
  { synthesized = lab.assembly.from, change }: StackUpdate,
): Promise<DeployedLab> {
  const { stack } = lab;
  const assembly = await localize(laptop, stack, progress, { synthesized, change });
  const outputs = await progress.step(`cdk deploy ${stack}`, async () =>
    executeChangeSet(laptop.clients, stack, await prepareChangeSet(laptop, stack, assembly)),
  );
  return deployed(laptop, { ...lab, outputs, assembly });
}

async function destroy(laptop: Parts, { stack, assembly }: DeployedLab): Promise<string | undefined> {
  const id = await stackId(laptop.clients, stack);
  await deleteStack(laptop.clients, stack);
  await laptop.dataApis.get(stack)?.();
  const [warehouse] = assembly.workgroups;
  if (warehouse === undefined) return undefined;
  const suffix = `_${id.split('/').at(-1)?.split('-')[0]}`;
  await setDatabaseAside(laptop.postgres, warehouse.database, suffix);
  return warehouse.database + suffix;
}

/** The assembly of one stack for this laptop, in a directory of its own. */
function localize(
  laptop: Parts,
  stack: string,
  progress: Progress,
  { synthesized, change }: { synthesized: string; change?: StackUpdate['change'] },
): Promise<LocalAssembly> {
  const { runDirectory, proxy, certificate, region, account } = laptop;
  return progress.step('local assembly', async (report) => {
    laptop.assemblies += 1;
    const local = await localAssembly({
      from: synthesized,
      to: join(runDirectory.path, `${stack}.local-${laptop.assemblies}`),
      stack,
      place: { account, region },
      change,
      functionEnvironment: async (logicalId) => ({
        AWS_ENDPOINT_URL: await proxy.listen(`${stack}/${logicalId}`),
        NODE_EXTRA_CA_CERTS: certificate.environment.NODE_EXTRA_CA_CERTS,
        AWS_CA_BUNDLE: certificate.environment.AWS_CA_BUNDLE,
      }),
    });
    report.detail(
      `${[...local.used.values()].reduce((sum, count) => sum + count, 0)} resources stood in for`,
    );
    return local;
  });
}

/** Publishes what the assembly has beside its template. @returns the name of a change set that waits for its execution */
async function prepareChangeSet(laptop: Parts, stack: string, assembly: LocalAssembly): Promise<string> {
  // A name of this deploy's own: an external endpoint keeps what an earlier one left.
  const changeSet = `deploy-${randomUUID()}`;
  const prepare = ['--require-approval', 'never', '--method', 'prepare-change-set'];
  await runCdk(
    laptop,
    'deploy',
    stack,
    '--app',
    assembly.directory,
    ...prepare,
    '--change-set-name',
    changeSet,
  );
  return changeSet;
}

/** What a stack has once it is there: physical ids, and which role each function has. */
async function deployed(laptop: Parts, lab: Omit<DeployedLab, 'resources'>): Promise<DeployedLab> {
  const { stack, assembly } = lab;
  const resources = await physicalIds(laptop, stack);
  if (!laptop.external) await encryptBuckets(laptop.clients, assembly.template, resources);
  for (const { logicalId, roleLogicalId } of assembly.functions) {
    const role = resources.get(roleLogicalId);
    if (role) laptop.roles.set(`${stack}/${logicalId}`, role);
  }
  return { ...lab, resources };
}

/** Runs the CDK's command line against the laptop. */
function runCdk(
  { certificate, clients, endpoint, region, runDirectory, cleanups }: Parts,
  ...args: string[]
) {
  const environment = {
    ...certificate.environment,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: clients.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: clients.credentials.secretAccessKey,
    AWS_SESSION_TOKEN: clients.credentials.sessionToken,
  };
  return cdk(args, environment, runDirectory.logFile('cdk'), (child) => cleanups.push(() => child.stop()));
}

/** The Redshift Data API of one stack's warehouse; its callers are the stack's functions. */
async function startDataApi(
  laptop: Parts,
  stack: string,
  assembly: LocalAssembly,
  id: string,
): Promise<RedshiftDataServer> {
  const { certificate, clients, region, account, proxy } = laptop;
  const judge = new RoleJudge(clients);
  const sts = new STSClient(clients);
  const secrets = new SecretsManagerClient(clients);
  const rolesByHost = new Map<string, string>(
    assembly.functions.map(({ logicalId, roleLogicalId }) => [
      new URL(proxy.url(`${stack}/${logicalId}`)).host,
      roleLogicalId,
    ]),
  );
  const known = new Map<string, string>();
  const roleName = async (logicalId: string | undefined) => {
    if (logicalId === undefined) return undefined;
    // A function may call while its stack is still being made (migrations), so its role's name is asked for then.
    if (!known.has(logicalId)) {
      for (const [id, name] of await physicalIds(laptop, stack)) known.set(id, name);
    }
    return known.get(logicalId);
  };
  const api = await startRedshiftData({
    postgres: laptop.postgres,
    tls: { key: readFileSync(certificate.key, 'utf8'), cert: readFileSync(certificate.server, 'utf8') },
    region,
    account,
    admin: 'labs_admin',
    workgroups: assembly.workgroups.map(({ name, database }) => ({
      name: textOf(name, { 'AWS::StackId': id }),
      databases: [database],
    })),
    authorize: dataApiCallers({
      account,
      owner: clients.credentials,
      judge,
      secrets,
      roleAt: (host) => roleName(rolesByHost.get(host)),
      readerRole: () => roleName(assembly.reader?.roleLogicalId),
    }),
    s3For: async (roleArn) => {
      const { Credentials } = await sts.send(
        new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: 'copy' }),
      );
      const caller = `${stack}/COPY ${roleArn}`;
      const endpoint = await proxy.listen(caller);
      laptop.roles.set(caller, roleArn.split('/').at(-1) as string);
      return new S3Client({
        ...clients,
        endpoint,
        forcePathStyle: true,
        credentials: {
          accessKeyId: Credentials?.AccessKeyId ?? '',
          secretAccessKey: Credentials?.SecretAccessKey ?? '',
          sessionToken: Credentials?.SessionToken,
        },
      });
    },
  });
  const close = async () => {
    // Once: it is closed when its stack is destroyed, and else when the laptop stops.
    if (laptop.dataApis.get(stack) === close) laptop.dataApis.delete(stack);
    await api.close();
    judge.close();
    sts.destroy();
    secrets.destroy();
  };
  laptop.dataApis.set(stack, close);
  laptop.cleanups.push(async () => laptop.dataApis.get(stack) === close && close());
  return api;
}

async function environmentAs(
  laptop: Parts,
  lab: DeployedLab,
  caller: string,
  roleLogicalId: string,
): Promise<Record<string, string>> {
  const role = lab.resources.get(roleLogicalId);
  if (role === undefined) throw new Error(`stack ${lab.stack} has no role ${roleLogicalId}`);
  const sts = new STSClient(laptop.clients);
  try {
    const { Credentials } = await sts.send(
      new AssumeRoleCommand({
        RoleArn: `arn:aws:iam::${laptop.account}:role/${role}`,
        RoleSessionName: caller.replaceAll(/[^\w+=,.@-]/g, '-'),
      }),
    );
    laptop.roles.set(caller, role);
    return {
      AWS_ENDPOINT_URL: await laptop.proxy.listen(caller),
      AWS_REGION: laptop.region,
      AWS_ACCESS_KEY_ID: Credentials?.AccessKeyId ?? '',
      AWS_SECRET_ACCESS_KEY: Credentials?.SecretAccessKey ?? '',
      AWS_SESSION_TOKEN: Credentials?.SessionToken ?? '',
      NODE_EXTRA_CA_CERTS: laptop.certificate.environment.NODE_EXTRA_CA_CERTS ?? '',
      AWS_CA_BUNDLE: laptop.certificate.environment.AWS_CA_BUNDLE ?? '',
    };
  } finally {
    sts.destroy();
  }
}

async function physicalIds(laptop: Parts, stack: string): Promise<Map<string, string>> {
  const cloudFormation = new CloudFormationClient(laptop.clients);
  try {
    const { StackResources = [] } = await cloudFormation.send(
      new DescribeStackResourcesCommand({ StackName: stack }),
    );
    return new Map(
      StackResources.flatMap(({ LogicalResourceId, PhysicalResourceId }) =>
        LogicalResourceId && PhysicalResourceId ? [[LogicalResourceId, PhysicalResourceId] as const] : [],
      ),
    );
  } finally {
    cloudFormation.destroy();
  }
}
