/**
 * What a request to AWS asks for, read from the request alone: service, operation, resource.
 *
 * The service is the one the request is signed for (SigV4 credential scope, in the header or the query). The
 * operation is where each protocol of Smithy puts it (https://smithy.io/2.0/aws/protocols/): `x-amz-target` (JSON),
 * `Action` in a form (query), `/service/X/operation/Y` (RPC v2 CBOR), or method and path (REST).
 */
import type { IncomingHttpHeaders } from 'node:http';

export type Protocol = 'json' | 'query' | 'cbor' | 's3' | 'rest-json';

export interface AwsRequest {
  /** Name of the listener it came through, see startProxy. */
  caller: string;
  /** The signing name: `s3`, `secretsmanager`, `states`, `redshift-data`, ...; `unsigned` when it is not signed. */
  service: string;
  /** As IAM and the SDK name it (`PutObject`); `METHOD /path` where neither header nor table tells. */
  operation: string;
  /** `bucket/key`, function, table, secret, topic, ...; '' when the request names none, or is too large to be read. */
  resource: string;
  protocol: Protocol;
  method: string;
  /** Path and query, as sent. */
  url: string;
  headers: IncomingHttpHeaders;
}

export interface RequestParts {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  /** Bodies of the JSON and query protocols, when small enough to have been read. */
  body?: Buffer;
}

interface Named {
  operation: string;
  resource: string;
}

function signedService(headers: IncomingHttpHeaders, query: URLSearchParams): string {
  const credential =
    /Credential=([^,\s]+)/.exec(headers.authorization ?? '')?.[1] ?? query.get('X-Amz-Credential') ?? '';
  // key/date/region/service/aws4_request; SigV4a has no region.
  return credential.split('/').at(-2) ?? 'unsigned';
}

/** Sub-resources of S3, by query parameter: the operation is the verb and this name. */
const bucketParts: Readonly<Record<string, string>> = {
  accelerate: 'BucketAccelerateConfiguration',
  acl: 'BucketAcl',
  cors: 'BucketCors',
  encryption: 'BucketEncryption',
  lifecycle: 'BucketLifecycleConfiguration',
  location: 'BucketLocation',
  logging: 'BucketLogging',
  notification: 'BucketNotificationConfiguration',
  'object-lock': 'ObjectLockConfiguration',
  ownershipControls: 'BucketOwnershipControls',
  policy: 'BucketPolicy',
  policyStatus: 'BucketPolicyStatus',
  publicAccessBlock: 'PublicAccessBlock',
  replication: 'BucketReplication',
  requestPayment: 'BucketRequestPayment',
  tagging: 'BucketTagging',
  versioning: 'BucketVersioning',
  website: 'BucketWebsite',
};
const objectParts: Readonly<Record<string, string>> = {
  acl: 'ObjectAcl',
  attributes: 'ObjectAttributes',
  'legal-hold': 'ObjectLegalHold',
  retention: 'ObjectRetention',
  tagging: 'ObjectTagging',
};
const verbs: Readonly<Record<string, string>> = { GET: 'Get', PUT: 'Put', DELETE: 'Delete' };

function partOperation(method: string, query: URLSearchParams, parts: Readonly<Record<string, string>>) {
  const name = Object.keys(parts).find((part) => query.has(part));
  const verb = verbs[method];
  return name === undefined || verb === undefined ? undefined : `${verb}${parts[name]}`;
}

function bucketOperation(method: string, query: URLSearchParams): string {
  const part = partOperation(method, query, bucketParts);
  if (part !== undefined) return part;
  switch (method) {
    case 'GET':
      if (query.has('uploads')) return 'ListMultipartUploads';
      if (query.has('versions')) return 'ListObjectVersions';
      return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
    case 'HEAD':
      return 'HeadBucket';
    case 'PUT':
      return 'CreateBucket';
    case 'DELETE':
      return 'DeleteBucket';
    default:
      return query.has('delete') ? 'DeleteObjects' : 'PostObject';
  }
}

function objectOperation(method: string, query: URLSearchParams, copies: boolean): string {
  const part = partOperation(method, query, objectParts);
  if (part !== undefined) return part;
  const upload = query.has('uploadId');
  switch (method) {
    case 'GET':
      return upload ? 'ListParts' : 'GetObject';
    case 'HEAD':
      return 'HeadObject';
    case 'PUT':
      if (upload) return copies ? 'UploadPartCopy' : 'UploadPart';
      return copies ? 'CopyObject' : 'PutObject';
    case 'DELETE':
      return upload ? 'AbortMultipartUpload' : 'DeleteObject';
    default:
      if (query.has('uploads')) return 'CreateMultipartUpload';
      if (upload) return 'CompleteMultipartUpload';
      if (query.has('restore')) return 'RestoreObject';
      return 'SelectObjectContent';
  }
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Bucket in the host name, as `bucket.localhost` and `bucket.s3.<any host>` have it. */
function virtualHostBucket(host: string): string | undefined {
  return /^(.+)\.s3[.-]/.exec(host)?.[1] ?? /^(.+?)\.localhost(:\d+)?$/.exec(host)?.[1];
}

function s3(method: string, path: string, query: URLSearchParams, headers: IncomingHttpHeaders): Named {
  const bucketOfHost = virtualHostBucket(headers.host ?? '');
  const full = decode(bucketOfHost === undefined ? path : `/${bucketOfHost}${path}`).slice(1);
  const slash = full.indexOf('/');
  const bucket = slash < 0 ? full : full.slice(0, slash);
  const key = slash < 0 ? '' : full.slice(slash + 1);
  if (bucket === '') return { operation: 'ListBuckets', resource: '' };
  if (key === '') return { operation: bucketOperation(method, query), resource: bucket };
  const copies = headers['x-amz-copy-source'] !== undefined;
  return { operation: objectOperation(method, query, copies), resource: `${bucket}/${key}` };
}

/** REST operations the labs call, by method and path; the first group is the resource. */
const restOperations: readonly (readonly [
  service: string,
  method: string,
  path: RegExp,
  operation: string,
])[] = [
  ['lambda', 'POST', /^\/2015-03-31\/functions\/([^/]+)\/invocations$/, 'Invoke'],
  ['lambda', 'GET', /^\/2015-03-31\/functions\/([^/]+)$/, 'GetFunction'],
  ['lambda', 'GET', /^\/2015-03-31\/functions\/([^/]+)\/configuration$/, 'GetFunctionConfiguration'],
  ['lambda', 'PUT', /^\/2015-03-31\/functions\/([^/]+)\/configuration$/, 'UpdateFunctionConfiguration'],
  ['lambda', 'PUT', /^\/2015-03-31\/functions\/([^/]+)\/code$/, 'UpdateFunctionCode'],
  ['lambda', 'GET', /^\/2015-03-31\/functions\/?()$/, 'ListFunctions'],
  ['scheduler', 'POST', /^\/schedules\/([^/]+)$/, 'CreateSchedule'],
  ['scheduler', 'GET', /^\/schedules\/([^/]+)$/, 'GetSchedule'],
  ['scheduler', 'PUT', /^\/schedules\/([^/]+)$/, 'UpdateSchedule'],
  ['scheduler', 'DELETE', /^\/schedules\/([^/]+)$/, 'DeleteSchedule'],
  ['scheduler', 'GET', /^\/schedules()$/, 'ListSchedules'],
];

function rest(service: string, method: string, path: string): Named {
  for (const [ofService, ofMethod, pattern, operation] of restOperations) {
    if (ofService !== service || ofMethod !== method) continue;
    const match = pattern.exec(path);
    if (match !== null) return { operation, resource: decode(match[1] ?? '') };
  }
  return { operation: `${method} ${path}`, resource: '' };
}

/** Members that name what a call is about, the telling ones first. */
const resourceMembers = [
  'TableName',
  'SecretId',
  'StreamARN',
  'StreamName',
  'QueueUrl',
  'TopicArn',
  'TargetArn',
  'FunctionName',
  'stateMachineArn',
  'executionArn',
  'WorkgroupName',
  'DeliveryStreamName',
  'logGroupName',
  'RoleName',
  'RoleArn',
  'StackName',
  'PolicySourceArn',
  'KeyId',
  'EventBusName',
  'Id',
  'Name',
  'name',
] as const;

function resourceOfJson(body: Buffer | undefined): string {
  if (body === undefined || body.length === 0) return '';
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return ''; // the service says what is wrong with it
  }
  if (typeof value !== 'object' || value === null) return '';
  for (const member of resourceMembers) {
    const found = (value as Record<string, unknown>)[member];
    if (typeof found === 'string') return found;
  }
  return '';
}

/** True for requests whose body names the operation or the resource. */
export function bodyTells(headers: IncomingHttpHeaders): boolean {
  return (
    headers['x-amz-target'] !== undefined ||
    (headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded')
  );
}

/** Classifies one request. Never throws: what it cannot tell is `unsigned`, `METHOD /path`, ''. */
export function classify(caller: string, parts: RequestParts): AwsRequest {
  const { method, url, headers, body } = parts;
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  const service = signedService(headers, query) || 'unsigned';
  const request = (protocol: Protocol, named: Named): AwsRequest => ({
    caller,
    service,
    ...named,
    protocol,
    method,
    url,
    headers,
  });

  const target = headers['x-amz-target'];
  if (typeof target === 'string') {
    return request('json', {
      operation: target.slice(target.lastIndexOf('.') + 1),
      resource: resourceOfJson(body),
    });
  }
  const rpc = /^\/service\/[^/]+\/operation\/([^/]+)$/.exec(path)?.[1];
  if (rpc !== undefined) return request('cbor', { operation: rpc, resource: '' });
  const formType = (headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  if (formType && service !== 's3') {
    const form = new URLSearchParams(body?.toString('utf8') ?? '');
    const member = resourceMembers.find((name) => form.has(name));
    return request('query', {
      operation: form.get('Action') ?? query.get('Action') ?? `${method} ${path}`,
      resource: member === undefined ? '' : (form.get(member) ?? ''),
    });
  }
  if (service === 's3') return request('s3', s3(method, path, query, headers));
  return request('rest-json', rest(service, method, path));
}
