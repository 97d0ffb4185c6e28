import { classify } from '../../../local/proxy/classify.ts';

const signed = (service: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=AKID/20261121/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
});

describe('S3, by method, path and query', () => {
  const copy = { 'x-amz-copy-source': '/other/key' };
  it.each([
    ['GET', '/', {}, 'ListBuckets', ''],
    ['GET', '/archive?list-type=2&prefix=xlsx%2F', {}, 'ListObjectsV2', 'archive'],
    ['GET', '/archive/?list-type=2', {}, 'ListObjectsV2', 'archive'],
    ['GET', '/archive?versions', {}, 'ListObjectVersions', 'archive'],
    ['GET', '/archive?encryption', {}, 'GetBucketEncryption', 'archive'],
    ['PUT', '/archive', {}, 'CreateBucket', 'archive'],
    ['HEAD', '/archive', {}, 'HeadBucket', 'archive'],
    ['POST', '/archive?delete', {}, 'DeleteObjects', 'archive'],
    [
      'GET',
      '/archive/xlsx/2026-11-21/a%20b.xlsx?x-id=GetObject',
      {},
      'GetObject',
      'archive/xlsx/2026-11-21/a b.xlsx',
    ],
    ['HEAD', '/archive/k', {}, 'HeadObject', 'archive/k'],
    ['PUT', '/archive/k?x-id=PutObject', {}, 'PutObject', 'archive/k'],
    ['PUT', '/archive/k', copy, 'CopyObject', 'archive/k'],
    ['POST', '/archive/k?uploads', {}, 'CreateMultipartUpload', 'archive/k'],
    ['PUT', '/archive/k?partNumber=1&uploadId=u', {}, 'UploadPart', 'archive/k'],
    ['PUT', '/archive/k?partNumber=1&uploadId=u', copy, 'UploadPartCopy', 'archive/k'],
    ['GET', '/archive/k?uploadId=u', {}, 'ListParts', 'archive/k'],
    ['POST', '/archive/k?uploadId=u', {}, 'CompleteMultipartUpload', 'archive/k'],
    ['DELETE', '/archive/k?uploadId=u', {}, 'AbortMultipartUpload', 'archive/k'],
    ['DELETE', '/archive/k', {}, 'DeleteObject', 'archive/k'],
    ['PUT', '/archive/k?tagging', {}, 'PutObjectTagging', 'archive/k'],
    ['POST', '/archive/k?restore', {}, 'RestoreObject', 'archive/k'],
    ['GET', '/archive/%zz', {}, 'GetObject', 'archive/%zz'],
  ])('%s %s is %s', (method, url, headers, operation, resource) => {
    const request = classify('x', { method, url, headers: { ...signed('s3'), ...headers } });
    expect(request).toMatchObject({ service: 's3', operation, resource, protocol: 's3' });
  });

  it('a bucket in the host name is part of the resource', () => {
    for (const host of ['archive.localhost:4566', 'archive.s3.us-east-1.amazonaws.com']) {
      const request = classify('x', { method: 'GET', url: '/a/b', headers: { ...signed('s3'), host } });
      expect(request.resource).toBe('archive/a/b');
    }
  });

  it('a presigned address is signed in its query', () => {
    const url =
      '/archive/k?X-Amz-Credential=AKID%2F20261121%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0';
    expect(classify('x', { method: 'GET', url, headers: {} })).toMatchObject({
      service: 's3',
      operation: 'GetObject',
    });
  });
});

it('JSON protocols say the operation in x-amz-target, and the resource in the body', () => {
  const headers = { ...signed('secretsmanager'), 'x-amz-target': 'secretsmanager.GetSecretValue' };
  const body = Buffer.from('{"SecretId":"sftp"}');
  expect(classify('x', { method: 'POST', url: '/', headers, body })).toMatchObject({
    service: 'secretsmanager',
    operation: 'GetSecretValue',
    resource: 'sftp',
    protocol: 'json',
  });
  expect(classify('x', { method: 'POST', url: '/', headers, body: Buffer.from('{') }).resource).toBe('');
});

it('query protocols say the operation in a form', () => {
  const headers = { ...signed('sns'), 'content-type': 'application/x-www-form-urlencoded' };
  const body = Buffer.from('Action=Publish&TopicArn=arn%3Aaws%3Asns%3A%3A%3At&Message=m');
  expect(classify('x', { method: 'POST', url: '/', headers, body })).toMatchObject({
    operation: 'Publish',
    resource: 'arn:aws:sns:::t',
    protocol: 'query',
  });
});

it('RPC v2 CBOR says the operation in the path', () => {
  const url = '/service/GraniteServiceVersion20100801/operation/PutMetricData';
  expect(classify('x', { method: 'POST', url, headers: signed('monitoring') })).toMatchObject({
    operation: 'PutMetricData',
    protocol: 'cbor',
  });
});

it('REST services say it by method and path; what no table names keeps both', () => {
  const of = (service: string, method: string, url: string) =>
    classify('x', { method, url, headers: signed(service) });
  expect(of('lambda', 'POST', '/2015-03-31/functions/collect/invocations')).toMatchObject({
    operation: 'Invoke',
    resource: 'collect',
    protocol: 'rest-json',
  });
  expect(of('scheduler', 'GET', '/schedules/morning?groupName=g').operation).toBe('GetSchedule');
  expect(of('glacier', 'GET', '/-/vaults?x=1').operation).toBe('GET /-/vaults');
});

it('an unsigned request is called so', () => {
  expect(classify('x', { method: 'GET', url: '/_health', headers: {} })).toMatchObject({
    service: 'unsigned',
    operation: 'GET /_health',
  });
});
