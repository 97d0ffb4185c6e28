/**
 * KMS permissions under S3 objects, which MiniStack does not evaluate and AWS does: reading an object under SSE-KMS
 * needs kms:Decrypt on its key, writing one kms:GenerateDataKey, a multipart upload both
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html).
 *
 * The key of an object is taken to be the bucket's default, or the one the write names. CDK's key policies leave the
 * decision to the account's identity policies, so those of the caller's role decide here.
 */
import type { Agent } from 'node:https';
import { GetBucketEncryptionCommand, S3Client } from '@aws-sdk/client-s3';
import type { AwsRequest } from './classify.ts';
import { AccessDenied, type IamAuthorizer } from './iam-authorizer.ts';
import type { Hook } from './proxy.ts';

/** How long a bucket's default encryption is remembered, ms: a stack may make the bucket anew under its name. */
const REMEMBERED_MS = 10_000;

/** ARN of the key that objects of a bucket are encrypted with by default; undefined for any other encryption. */
export type KeyOfBucket = (bucket: string) => Promise<string | undefined>;

export interface SseKmsOptions {
  authorizer: IamAuthorizer;
  keyOfBucket: KeyOfBucket;
  /** The role a caller of the proxy acts under; undefined for one that is not checked. */
  roleOf: (caller: string) => string | undefined;
  region: string;
  /** @default the emulators' 000000000000 */
  account?: string;
}

/** A key may be named by its id alone; permissions name it by ARN. */
const keyArn = (key: string, region: string, account = '000000000000'): string =>
  key.startsWith('arn:') ? key : `arn:aws:kms:${region}:${account}:key/${key}`;

const needs: Readonly<Record<string, readonly string[]>> = {
  GetObject: ['kms:Decrypt'],
  PutObject: ['kms:GenerateDataKey'],
  CopyObject: ['kms:GenerateDataKey'],
  CreateMultipartUpload: ['kms:GenerateDataKey'],
  UploadPart: ['kms:GenerateDataKey', 'kms:Decrypt'],
  UploadPartCopy: ['kms:GenerateDataKey', 'kms:Decrypt'],
  CompleteMultipartUpload: ['kms:Decrypt'],
};

const header = (request: AwsRequest, name: string): string | undefined => {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
};

const bucketOf = (path: string): string => path.split('/')[0] as string;

/** The bucket of `x-amz-copy-source`: `/bucket/key?versionId=...`, percent-encoded. */
function copySourceBucket(request: AwsRequest): string | undefined {
  const source = header(request, 'x-amz-copy-source');
  return source === undefined ? undefined : bucketOf(decodeURIComponent(source).replace(/^\//, ''));
}

/** Which actions on which keys a call needs. */
async function checksOf(request: AwsRequest, keyOfBucket: KeyOfBucket) {
  const actions = needs[request.operation];
  if (request.service !== 's3' || actions === undefined) return [];
  const asked = header(request, 'x-amz-server-side-encryption');
  const askedKey = header(request, 'x-amz-server-side-encryption-aws-kms-key-id');
  // A write that names the algorithm alone takes the key that AWS manages for S3, whatever the bucket's default.
  const key = asked === undefined ? await keyOfBucket(bucketOf(request.resource)) : askedKey;
  const checks = key === undefined ? [] : actions.map((action) => ({ action, key }));
  const source = copySourceBucket(request);
  const sourceKey = source === undefined ? undefined : await keyOfBucket(source);
  return sourceKey === undefined ? checks : [{ action: 'kms:Decrypt', key: sourceKey }, ...checks];
}

/** The hook of the proxy. */
export function sseKmsHook({ authorizer, keyOfBucket, roleOf, region, account }: SseKmsOptions): Hook {
  return async (request) => {
    const role = roleOf(request.caller);
    if (role === undefined) return undefined;
    try {
      for (const { action, key } of await checksOf(request, keyOfBucket)) {
        await authorizer.assert(role, action, keyArn(key, region, account), { session: request.caller });
      }
      return undefined;
    } catch (error) {
      if (error instanceof AccessDenied) return { status: 403, code: 'AccessDenied', message: error.message };
      throw error;
    }
  };
}

export interface BucketKeysOptions {
  /** The emulator itself, not the proxy. */
  endpoint: string;
  agent?: Agent;
  region: string;
  /** @default the emulators' 000000000000 */
  account?: string;
}

/** Asks S3 for each bucket's default encryption, and remembers it for a while. */
export function bucketKeys(options: BucketKeysOptions): KeyOfBucket {
  const client = new S3Client({
    endpoint: options.endpoint,
    region: options.region,
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, // the emulator's root
    ...(options.agent === undefined ? {} : { requestHandler: { httpsAgent: options.agent } }),
  });
  const remembered = new Map<string, { until: number; key: Promise<string | undefined> }>();

  async function ask(bucket: string): Promise<string | undefined> {
    try {
      const { ServerSideEncryptionConfiguration } = await client.send(
        new GetBucketEncryptionCommand({ Bucket: bucket }),
      );
      const byDefault = ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault;
      if (!byDefault?.SSEAlgorithm?.startsWith('aws:kms')) return undefined;
      const key = byDefault.KMSMasterKeyID;
      // Every principal of the account may use the key that AWS manages for S3.
      if (key === undefined || key.endsWith('alias/aws/s3')) return undefined;
      return keyArn(key, options.region, options.account);
    } catch (error) {
      const { name } = error as Error;
      // No such bucket: S3 itself tells the caller.
      if (name === 'ServerSideEncryptionConfigurationNotFoundError' || name === 'NoSuchBucket')
        return undefined;
      throw error;
    }
  }

  return (bucket) => {
    const known = remembered.get(bucket);
    if (known !== undefined && known.until > Date.now()) return known.key;
    const key = ask(bucket);
    remembered.set(bucket, { until: Date.now() + REMEMBERED_MS, key });
    key.catch(() => remembered.delete(bucket)); // an answer that did not come is asked for again
    return key;
  };
}
