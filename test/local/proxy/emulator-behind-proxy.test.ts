/** The proxy before the emulator itself, IAM enforced: signatures hold, errors keep their names, KMS is asked. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateRoleCommand,
  DeleteRolePolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  GetObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { CreateTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { Upload } from '@aws-sdk/lib-storage';
import { jest } from '@jest/globals';
import { type Certificate, makeCertificate, trustingAgent } from '../../../local/core/certificate.ts';
import { startProcess, type TetheredProcess } from '../../../local/core/child-process.ts';
import { freePort } from '../../../local/core/ports.ts';
import { type IamAuthorizer, iamAuthorizer } from '../../../local/proxy/iam-authorizer.ts';
import { type RunningProxy, startProxy } from '../../../local/proxy/proxy.ts';
import { bucketKeys, sseKmsHook } from '../../../local/proxy/sse-kms.ts';

jest.setTimeout(120_000); // starts processes on a machine that may be busy

const python = process.env.LABS_PYTHON ?? '.local/python/bin/python';
const region = 'us-east-1';
const root = { accessKeyId: 'test', secretAccessKey: 'test' };
const key = 'arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555';

let directory: string;
let certificate: Certificate;
let emulator: TetheredProcess;
let proxy: RunningProxy;
let authorizer: IamAuthorizer;
let iam: IAMClient;
let credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string };
let asRole: ReturnType<typeof options>;

function options(
  endpoint: string,
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
) {
  return {
    endpoint,
    region,
    credentials,
    maxAttempts: 1,
    requestHandler: { httpsAgent: trustingAgent(certificate) },
  };
}

const allow = (name: string, Action: string[], Resource: string) =>
  iam.send(
    new PutRolePolicyCommand({
      RoleName: 'Loader',
      PolicyName: name,
      PolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action, Resource }],
      }),
    }),
  );
const forbid = (name: string) =>
  iam.send(new DeleteRolePolicyCommand({ RoleName: 'Loader', PolicyName: name }));

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'labs-test-'));
  certificate = await makeCertificate({ directory, python });
  mkdirSync(join(directory, 'tmp'));
  const port = await freePort();
  const endpoint = `https://127.0.0.1:${port}`;
  emulator = await startProcess({
    name: 'emulator',
    command: python,
    args: ['-m', 'ministack'],
    cwd: directory,
    logFile: join(directory, 'emulator.log'),
    env: {
      PATH: process.env.PATH,
      HOME: directory,
      TMPDIR: join(directory, 'tmp'),
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      AUTH: 'true',
      USE_SSL: '1',
      MINISTACK_SSL_CERT: certificate.server,
      MINISTACK_SSL_KEY: certificate.key,
      ...certificate.environment,
    },
  });
  const agent = trustingAgent(certificate);
  authorizer = iamAuthorizer({ endpoint, agent, region });
  proxy = await startProxy({
    certificate,
    upstreams: { default: endpoint },
    callers: ['operator', 'Load'],
    hooks: [
      sseKmsHook({
        authorizer,
        keyOfBucket: bucketKeys({ endpoint, agent, region }),
        roleOf: (caller) => (caller === 'Load' ? 'Loader' : undefined),
        region,
      }),
    ],
  });
  const operator = options(proxy.url('operator'), root);
  iam = new IAMClient(operator);
  const trust = { Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' };
  const role = new CreateRoleCommand({
    RoleName: 'Loader',
    AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [trust] }),
  });
  for (let isUp = false; !isUp; ) {
    isUp = await iam.send(role).then(
      () => true,
      () => false,
    );
    if (!isUp) await sleep(50);
  }
  const s3 = new S3Client({ ...operator, forcePathStyle: true });
  for (const Bucket of ['encrypted', 'plain']) await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(
    new PutBucketEncryptionCommand({
      Bucket: 'encrypted',
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key } }],
      },
    }),
  );
  await s3.send(new PutObjectCommand({ Bucket: 'encrypted', Key: 'k', Body: 'text' }));
  await allow('s3', ['s3:*'], '*');
  const { Credentials } = await new STSClient(operator).send(
    new AssumeRoleCommand({ RoleArn: 'arn:aws:iam::000000000000:role/Loader', RoleSessionName: 'session' }),
  );
  credentials = {
    accessKeyId: Credentials?.AccessKeyId ?? '',
    secretAccessKey: Credentials?.SecretAccessKey ?? '',
    sessionToken: Credentials?.SessionToken ?? '',
  };
  asRole = options(proxy.url('Load'), credentials);
});
afterAll(async () => {
  await proxy?.close();
  await emulator?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const s3 = () => new S3Client({ ...asRole, forcePathStyle: true });
const get = (Bucket: string) => s3().send(new GetObjectCommand({ Bucket, Key: 'k' }));
const put = (Bucket: string) => s3().send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'text' }));

const denied = (action: string) => ({
  name: 'AccessDenied',
  message:
    `User: arn:aws:sts::000000000000:assumed-role/Loader/Load is not authorized to perform: ${action} ` +
    `on resource: ${key} because no identity-based policy allows the ${action} action`,
});

it('signatures hold through the proxy, and IAM denies the role what it was not granted', async () => {
  const secret = { Name: 'sftp', SecretString: 'x' };
  await new SecretsManagerClient(options(proxy.url('operator'), root)).send(new CreateSecretCommand(secret));
  await expect(
    new SecretsManagerClient(asRole).send(new GetSecretValueCommand({ SecretId: 'sftp' })),
  ).rejects.toMatchObject({
    name: 'AccessDeniedException',
    message: expect.stringContaining('secretsmanager:GetSecretValue'),
  });
  await expect(new SNSClient(asRole).send(new CreateTopicCommand({ Name: 't' }))).rejects.toThrow(
    'sns:CreateTopic',
  );
  const forger = { ...credentials, secretAccessKey: 'wrong' };
  const forged = new S3Client({ ...options(proxy.url('Load'), forger), forcePathStyle: true });
  await expect(forged.send(new GetObjectCommand({ Bucket: 'plain', Key: 'k' }))).rejects.toMatchObject({
    name: 'SignatureDoesNotMatch',
  });
});

it('without a grant on the key an encrypted object can be neither read nor written', async () => {
  await expect(get('encrypted')).rejects.toMatchObject(denied('kms:Decrypt'));
  await expect(put('encrypted')).rejects.toMatchObject(denied('kms:GenerateDataKey'));
  await put('plain');
});

it('a grant counts from the next call on, and so does taking it away', async () => {
  await allow('read', ['kms:Decrypt'], key);
  await get('encrypted');
  await expect(put('encrypted')).rejects.toMatchObject(denied('kms:GenerateDataKey'));
  await allow('write', ['kms:GenerateDataKey*'], key);
  await put('encrypted');
  await forbid('read');
  await expect(get('encrypted')).rejects.toMatchObject(denied('kms:Decrypt'));
  await forbid('write');
});

it('a multipart upload needs both, a copy reads its source', async () => {
  const upload = () =>
    new Upload({
      client: s3(),
      params: { Bucket: 'encrypted', Key: 'large', Body: Buffer.alloc(11 * 1024 * 1024) },
    }).done();
  const copy = () =>
    s3().send(new CopyObjectCommand({ Bucket: 'plain', Key: 'copy', CopySource: '/encrypted/k' }));
  await allow('write', ['kms:GenerateDataKey'], key);
  await expect(upload()).rejects.toMatchObject(denied('kms:Decrypt'));
  await expect(copy()).rejects.toMatchObject(denied('kms:Decrypt'));
  await allow('read', ['kms:Decrypt'], key);
  await upload();
  await copy();
  await forbid('read');
  await forbid('write');
});

it('the authorizer answers per action and resource, and words an explicit deny as AWS does', async () => {
  await allow('read', ['kms:Decrypt'], key);
  expect(await authorizer.allowed('Loader', 'kms:Decrypt', key)).toBe(true);
  expect(await authorizer.allowed('Loader', 'kms:Decrypt', `${key}0`)).toBe(false);
  expect(await authorizer.allowed('NoSuchRole', 'kms:Decrypt', key)).toBe(false);
  await iam.send(
    new PutRolePolicyCommand({
      RoleName: 'Loader',
      PolicyName: 'deny',
      PolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Deny', Action: 'kms:Decrypt', Resource: '*' }],
      }),
    }),
  );
  await expect(authorizer.assert('Loader', 'kms:Decrypt', key)).rejects.toThrow(
    'with an explicit deny in an identity-based policy',
  );
  await forbid('deny');
  await forbid('read');
});
