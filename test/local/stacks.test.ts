/** How the laptop makes stacks, against the emulator alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CloudFormationClient,
  type CloudFormationClientConfig,
  CreateChangeSetCommand,
  DescribeStackResourcesCommand,
} from '@aws-sdk/client-cloudformation';
import { jest } from '@jest/globals';
import { makeCertificate, trusting } from '../../local/core/certificate.ts';
import { openRunDirectory, type RunDirectory } from '../../local/core/run-directory.ts';
import { account, type Emulator, region, rootCredentials, startEmulator } from '../../local/emulator.ts';
import { bootstrapStack, executeChangeSet } from '../../local/stacks.ts';

jest.setTimeout(120_000); // starts processes on a machine that may be busy

const stagingBucket = `cdk-hnb659fds-assets-${account}-${region}`;

let directory: string;
let runDirectory: RunDirectory;
let emulator: Emulator;
let config: CloudFormationClientConfig;
let cloudFormation: CloudFormationClient;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'labs-test-'));
  const python = process.env.LABS_PYTHON ?? '.local/python/bin/python';
  runDirectory = await openRunDirectory({ root: directory });
  const certificate = await makeCertificate({ directory: join(runDirectory.path, 'certificate'), python });
  emulator = await startEmulator({ python, runDirectory, certificate });
  config = { endpoint: emulator.url, region, credentials: rootCredentials, ...trusting(certificate) };
  cloudFormation = new CloudFormationClient(config);
  await bootstrapStack(config);
});
afterAll(async () => {
  cloudFormation?.destroy();
  await emulator?.stop();
  await runDirectory?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Makes a change set that creates a stack, as the CDK's command line does. */
async function prepare(StackName: string, template: object): Promise<string> {
  const ChangeSetName = `make-${StackName}`;
  const TemplateBody = JSON.stringify(template);
  await cloudFormation.send(
    new CreateChangeSetCommand({ StackName, ChangeSetName, TemplateBody, ChangeSetType: 'CREATE' }),
  );
  return ChangeSetName;
}

const bucket = (BucketName: string) => ({ Type: 'AWS::S3::Bucket', Properties: { BucketName } });

it('a stack whose resource fails is an error that names stack, resource and reason', async () => {
  const nobody = `arn:aws:lambda:${region}:${account}:function:nobody`;
  const changeSet = await prepare('Broken', {
    Resources: {
      Reports: bucket('of-the-broken-one'),
      Schema: { Type: 'AWS::CloudFormation::CustomResource', Properties: { ServiceToken: nobody } },
    },
  });
  await expect(executeChangeSet(config, 'Broken', changeSet)).rejects.toMatchObject({
    code: 'CdkFailed',
    message: expect.stringMatching(/Broken is ROLLBACK_\w+: Schema: .*nobody/),
  });
});

it('a stack that is made gives its outputs', async () => {
  const changeSet = await prepare('Sound', {
    Resources: { Reports: bucket('reports') },
    Outputs: { ReportsName: { Value: { Ref: 'Reports' } }, Zone: { Value: { Ref: 'AWS::Region' } } },
  });
  expect(await executeChangeSet(config, 'Sound', changeSet)).toEqual({
    ReportsName: 'reports',
    Zone: region,
  });
});

it('the bootstrap makes the bucket of assets and the roles that the command line assumes', async () => {
  const { StackResources = [] } = await cloudFormation.send(
    new DescribeStackResourcesCommand({ StackName: 'CDKToolkit' }),
  );
  const made = StackResources.map(({ PhysicalResourceId }) => PhysicalResourceId);
  const roles = ['deploy', 'file-publishing', 'cfn-exec'];
  expect(made).toEqual(
    expect.arrayContaining([
      stagingBucket,
      ...roles.map((role) => expect.stringContaining(`cdk-hnb659fds-${role}-role-${account}-${region}`)),
    ]),
  );
});
