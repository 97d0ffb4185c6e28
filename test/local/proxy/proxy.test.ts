import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ListStatementsCommand, RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { jest } from '@jest/globals';
import { type Certificate, makeCertificate, trustingAgent } from '../../../local/core/certificate.ts';
import { answer } from '../../../local/proxy/answer.ts';
import { type RunningProxy, startProxy } from '../../../local/proxy/proxy.ts';

jest.setTimeout(120_000); // the machine may be busy

const python = process.env.LABS_PYTHON ?? '.local/python/bin/python';

/** What the upstream has received, and what it answers with. */
interface Received {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  bytes: number;
  sha256: string;
  isComplete: boolean;
}
let directory: string;
let certificate: Certificate;
let upstream: Server;
let received: Received[] = [];
let reply: (request: IncomingMessage, response: ServerResponse) => void;
let proxy: RunningProxy;
let clientOptions: ReturnType<typeof options>;

function options(endpoint: string) {
  return {
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    requestHandler: { httpsAgent: trustingAgent(certificate) },
    maxAttempts: 1,
  };
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'labs-test-'));
  certificate = await makeCertificate({ directory, python });
  upstream = createServer(
    { cert: readFileSync(certificate.server), key: readFileSync(certificate.key) },
    (request, response) => {
      const hash = createHash('sha256');
      const { method, url, headers } = request;
      const entry = {
        method: method ?? '',
        url: url ?? '',
        headers,
        bytes: 0,
        sha256: '',
        isComplete: false,
      };
      received.push(entry);
      request.on('error', () => {});
      request.on('data', (chunk: Buffer) => {
        entry.bytes += chunk.length;
        hash.update(chunk);
      });
      request.on('end', () => {
        entry.sha256 = hash.digest('hex');
        entry.isComplete = true;
        reply(request, response);
      });
    },
  );
  upstream.keepAliveTimeout = 0; // it closes no connection because a test took long: a test says when
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  proxy = await startProxy({ certificate, upstreams: { default: url }, callers: ['collect', 'load'] });
  clientOptions = options(proxy.url('collect'));
});
afterAll(async () => {
  await proxy.close();
  upstream.closeAllConnections();
  upstream.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  received = [];
  proxy.faults.clear();
  proxy.log.clear();
  reply = (_request, response) => response.end();
});

const s3 = () => new S3Client({ ...clientOptions, forcePathStyle: true });
const get = () => s3().send(new GetObjectCommand({ Bucket: 'archive', Key: 'k' }));

describe('passing on', () => {
  it('a request arrives as it was sent, the Host header included, and is logged with its caller', async () => {
    await s3().send(new PutObjectCommand({ Bucket: 'archive', Key: 'a b', Body: 'text' }));
    await new S3Client({ ...options(proxy.url('load')), forcePathStyle: true }).send(
      new HeadObjectCommand({ Bucket: 'archive', Key: 'k' }),
    );
    expect(received[0]?.headers.host).toBe(new URL(proxy.url('collect')).host);
    expect(received[0]?.url).toBe('/archive/a%20b?x-id=PutObject');
    expect(proxy.log.entries()).toMatchObject([
      { caller: 'collect', service: 's3', operation: 'PutObject', resource: 'archive/a b', status: 200 },
      { caller: 'load', service: 's3', operation: 'HeadObject', resource: 'archive/k', status: 200 },
    ]);
    expect(proxy.log.entries({ caller: 'load' })).toHaveLength(1);
  });

  it('large bodies stream both ways unchanged', async () => {
    const body = randomBytes(24 * 1024 * 1024);
    const sha256 = createHash('sha256').update(body).digest('hex');
    await s3().send(
      new PutObjectCommand({
        Bucket: 'archive',
        Key: 'k',
        Body: body,
        ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
      }),
    );
    expect(received[0]).toMatchObject({ bytes: body.length, sha256 });
    reply = (_request, response) => response.end(body);
    const { Body } = await get();
    const bytes = await Body?.transformToByteArray();
    expect(
      createHash('sha256')
        .update(bytes as Uint8Array)
        .digest('hex'),
    ).toBe(sha256);
  });

  it('boto3 puts and gets through it, with Expect: 100-continue', async () => {
    reply = (request, response) => response.end(request.method === 'GET' ? 'fetched' : '');
    const script = `
import boto3
client = boto3.client("s3", endpoint_url="${proxy.url('collect')}", region_name="us-east-1",
  aws_access_key_id="test", aws_secret_access_key="test")
client.put_object(Bucket="archive", Key="k", Body=b"x" * 3000000)
print(client.get_object(Bucket="archive", Key="k")["Body"].read().decode())
`;
    const env = { PATH: process.env.PATH, ...certificate.environment };
    const { stdout } = await promisify(execFile)(python, ['-c', script], { env });
    expect(stdout.trim()).toBe('fetched');
    expect(received[0]?.headers.expect).toBe('100-continue');
    expect(received[0]?.isComplete).toBe(true);
  });

  it('connections are kept, on both sides', async () => {
    const client = s3();
    const sockets = new Set<unknown>();
    reply = (request, response) => {
      sockets.add(request.socket);
      response.end();
    };
    for (let n = 0; n < 5; n += 1) {
      await client.send(new PutObjectCommand({ Bucket: 'archive', Key: 'k', Body: 'text' }));
    }
    expect(sockets.size).toBe(1);
  });

  it('a kept connection that the upstream closed meanwhile is replaced unnoticed', async () => {
    await get();
    upstream.closeIdleConnections();
    await get();
    expect(received).toHaveLength(2);
  });

  it('a service can have an upstream of its own, set while it runs', async () => {
    const dead = 'http://127.0.0.1:9';
    proxy.route('redshift-data', dead);
    await expect(new RedshiftDataClient(clientOptions).send(new ListStatementsCommand({}))).rejects.toThrow();
    expect(proxy.log.entries({ service: 'redshift-data' })).toMatchObject([
      { status: undefined, ended: 'ECONNREFUSED' },
    ]);
    await get();
    expect(received).toHaveLength(1);
  });

  it('a service of one stack can have an upstream of its own: callers of another stack keep theirs', async () => {
    const list = async (caller: string) =>
      new RedshiftDataClient(options(await proxy.listen(caller))).send(new ListStatementsCommand({}));
    reply = (_request, response) => response.end('{"Statements":[]}');
    const { port } = upstream.address() as AddressInfo;
    proxy.route('redshift-data', `https://127.0.0.1:${port}`, 'Fashion');
    proxy.route('redshift-data', 'http://127.0.0.1:9', 'Stocks');
    await list('Fashion/Load');
    expect(received).toHaveLength(1);
    await expect(list('Stocks/Load')).rejects.toThrow();
    expect(received).toHaveLength(1);
    await expect(
      new S3Client({ ...options(await proxy.listen('Stocks/Load')), forcePathStyle: true }).send(
        new HeadObjectCommand({ Bucket: 'archive', Key: 'k' }),
      ),
    ).resolves.toBeDefined();
  });

  it('a caller can be added while it runs', async () => {
    const url = await proxy.listen('transform');
    expect(await proxy.listen('transform')).toBe(url);
    expect(() => proxy.url('nobody')).toThrow('nobody');
  });
});

describe('a refusal is thrown by the stock client under its own name', () => {
  const refuse = (code: string, status: number, service: string) =>
    proxy.faults.add({ service }, { kind: 'refuse', status, code, message: `says ${code} <&>` });

  it.each([
    ['s3', 'SlowDown', 503, get],
    [
      's3',
      'AccessDenied',
      403,
      () => s3().send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: 'text' })),
    ],
    [
      'dynamodb',
      'ProvisionedThroughputExceededException',
      400,
      () =>
        new DynamoDBClient(clientOptions).send(
          new GetItemCommand({ TableName: 't', Key: { id: { S: '1' } } }),
        ),
    ],
    [
      'secretsmanager',
      'ResourceNotFoundException',
      400,
      () => new SecretsManagerClient(clientOptions).send(new GetSecretValueCommand({ SecretId: 's' })),
    ],
    [
      'redshift-data',
      'InternalServerException',
      500,
      () => new RedshiftDataClient(clientOptions).send(new ListStatementsCommand({})),
    ],
    [
      'sns',
      'AuthorizationErrorException',
      403,
      () =>
        new SNSClient(clientOptions).send(
          new PublishCommand({ TopicArn: 'arn:aws:sns:us-east-1:0:t', Message: 'm' }),
        ),
    ],
    [
      'sts',
      'ThrottlingException',
      400,
      () => new STSClient(clientOptions).send(new GetCallerIdentityCommand({})),
    ],
    [
      'lambda',
      'TooManyRequestsException',
      429,
      () => new LambdaClient(clientOptions).send(new InvokeCommand({ FunctionName: 'f' })),
    ],
  ])('%s: %s', async (service, code, status, call) => {
    const fault = refuse(code, status, service);
    await expect(call()).rejects.toMatchObject({
      name: code,
      message: `says ${code} <&>`,
      $metadata: { httpStatusCode: status },
    });
    expect(fault.hits).toBe(1);
    expect(received).toHaveLength(0);
    expect(proxy.log.entries()).toMatchObject([{ service, status, ended: 'refused' }]);
  });

  it('RPC v2 CBOR carries the name and the message in a map', () => {
    const request = { protocol: 'cbor', method: 'POST', headers: {} } as Parameters<typeof answer>[0];
    const { body } = answer(request, { status: 400, code: 'Throttling', message: 'é'.repeat(20) }, 'id');
    // RFC 8949: a2 = map of 2, 60+n = text of n < 24 bytes, 78 n = text of n < 256 bytes
    const message = Buffer.from('é'.repeat(20));
    expect(body).toEqual(
      Buffer.concat([
        Buffer.from([0xa2, 0x66]),
        Buffer.from('__type'),
        Buffer.from([0x6a]),
        Buffer.from('Throttling'),
        Buffer.from([0x67]),
        Buffer.from('message'),
        Buffer.from([0x78, 40]),
        message,
      ]),
    );
  });
});

describe('faults', () => {
  it('hit the calls that fit: by caller, operation, resource, after some and some times only', async () => {
    const slow = { kind: 'refuse', status: 503, code: 'SlowDown', message: '' } as const;
    const fault = proxy.faults.add(
      { caller: 'collect', operation: 'GetObject', resource: /^archive\//g, after: 1, times: 2 },
      slow,
    );
    const outcomes: string[] = [];
    for (let n = 0; n < 5; n += 1)
      outcomes.push(
        await get().then(
          () => 'ok',
          (error: Error) => error.name,
        ),
      );
    expect(outcomes).toEqual(['ok', 'SlowDown', 'SlowDown', 'ok', 'ok']);
    await s3().send(new HeadObjectCommand({ Bucket: 'archive', Key: 'k' }));
    await new S3Client({ ...options(proxy.url('load')), forcePathStyle: true }).send(
      new GetObjectCommand({ Bucket: 'archive', Key: 'k' }),
    );
    expect(fault.hits).toBe(2);
  });

  it('a call that is held goes on when released', async () => {
    const fault = proxy.faults.add({ operation: 'GetObject' }, { kind: 'hold' });
    let isDone = false;
    const call = get().then(() => {
      isDone = true;
    });
    await fault.reached();
    expect([isDone, received.length]).toEqual([false, 0]);
    fault.release();
    await call;
    await get(); // held no more
  });

  it('a caller that hangs up ends its wait, and nothing is passed on', async () => {
    const fault = proxy.faults.add({}, { kind: 'delay', ms: 600_000 });
    const abort = new AbortController();
    const call = s3().send(new GetObjectCommand({ Bucket: 'archive', Key: 'k' }), {
      abortSignal: abort.signal,
    });
    await fault.reached();
    abort.abort();
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    while (proxy.log.entries().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(received).toHaveLength(0);
  });

  it('a cut before the upstream: nothing happened there', async () => {
    proxy.faults.add({}, { kind: 'cut', at: 'before' });
    await expect(get()).rejects.toThrow('socket hang up');
    expect(received).toHaveLength(0);
    expect(proxy.log.entries()).toMatchObject([{ status: undefined, ended: 'cut' }]);
  });

  it('a cut after the upstream: it happened, and the caller does not know; a retry goes through', async () => {
    proxy.faults.add({}, { kind: 'cut', at: 'response' });
    await expect(s3().send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: 'text' }))).rejects.toThrow(
      'socket hang up',
    );
    expect(received).toMatchObject([{ isComplete: true }]);
    proxy.faults.clear();
    proxy.faults.add({ times: 1 }, { kind: 'cut', at: 'response' });
    const retrying = new S3Client({ ...clientOptions, forcePathStyle: true, maxAttempts: 3 });
    await retrying.send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: 'text' }));
    expect(received).toHaveLength(3);
  });

  it('a cut within the response: the caller gets half of it and an error', async () => {
    reply = (_request, response) => {
      response.setHeader('content-length', '100000');
      response.end(Buffer.alloc(100_000));
    };
    proxy.faults.add({}, { kind: 'cut', at: 'response-body' });
    const { Body, ContentLength } = await get();
    expect(ContentLength).toBe(100_000);
    await expect(Body?.transformToByteArray()).rejects.toThrow('aborted');
  });

  it('a cut within the request: the upstream gets half of it, and no end', async () => {
    proxy.faults.add({}, { kind: 'cut', at: 'request-body' });
    const put = s3().send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: Buffer.alloc(1_000_000) }));
    await expect(put).rejects.toThrow();
    while (received[0]?.bytes !== 500_000) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(received[0]?.isComplete).toBe(false);
  });

  it('an upload that is refused while it streams leaves the proxy fit for the next', async () => {
    const slow = { kind: 'refuse', status: 503, code: 'SlowDown', message: '' } as const;
    proxy.faults.add({ operation: 'PutObject', times: 1 }, slow);
    const put = () =>
      s3().send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: Buffer.alloc(8_000_000) }));
    await expect(put()).rejects.toMatchObject({ name: 'SlowDown' });
    await put();
    expect(received).toMatchObject([{ isComplete: true }]);
  });

  it('delays add up with what comes after them', async () => {
    const delay = proxy.faults.add({}, { kind: 'delay', ms: 1 });
    const refusal = proxy.faults.add({}, { kind: 'refuse', status: 500, code: 'InternalError', message: '' });
    await expect(get()).rejects.toMatchObject({ name: 'InternalError' });
    expect([delay.hits, refusal.hits]).toEqual([1, 1]);
    refusal.remove();
    await get();
  });
});

describe('hooks', () => {
  it("one that refuses ends the call in the service's own words; one that fails ends that call alone", async () => {
    const url = `https://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const other = await startProxy({ certificate, upstreams: { default: url }, callers: ['x'] });
    const client = new S3Client({ ...options(other.url('x')), forcePathStyle: true });
    const call = (Key: string) => client.send(new GetObjectCommand({ Bucket: 'b', Key }));
    other.use(async ({ resource }) => {
      if (resource === 'b/denied') return { status: 403, code: 'AccessDenied', message: 'no' };
      if (resource === 'b/broken') throw new Error('emulator gone');
      return undefined;
    });
    await expect(call('denied')).rejects.toMatchObject({ name: 'AccessDenied', message: 'no' });
    await expect(call('broken')).rejects.toMatchObject({
      name: 'InternalError',
      message: expect.stringContaining('emulator gone'),
    });
    await call('fine');
    expect(received.map(({ url: path }) => path)).toEqual(['/b/fine?x-id=GetObject']);
    await other.close();
  });
});
