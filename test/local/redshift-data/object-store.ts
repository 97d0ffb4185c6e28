import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';

/** As much of S3 as COPY uses: GetObject and ListObjectsV2, pages of two keys, path-style addresses. */
export async function startObjectStore() {
  const objects = new Map<string, Buffer>();
  /** Actions the role behind the client lacks. */
  const denied = new Set<string>();
  /** Keys whose body never ends. */
  const stuck = new Set<string>();
  /** Stuck keys that someone is reading. */
  const streaming = new Set<string>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const fail = (status: number, code: string, message: string) => {
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`);
    };
    const action = url.searchParams.has('list-type') ? 's3:ListBucket' : 's3:GetObject';
    if (denied.has(action)) {
      fail(403, 'AccessDenied', `User: copy-role is not authorized to perform: ${action}`);
      return;
    }
    const [, bucket, ...rest] = decodeURIComponent(url.pathname).split('/');
    if (action === 's3:ListBucket') {
      const prefix = `${bucket}/${url.searchParams.get('prefix') ?? ''}`;
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
      const from = Number(url.searchParams.get('continuation-token') ?? 0);
      const page = keys.slice(from, from + 2);
      const more = from + 2 < keys.length;
      const contents = page.map(
        (key) => `<Contents><Key>${key.slice((bucket?.length ?? 0) + 1)}</Key></Contents>`,
      );
      response.writeHead(200, { 'content-type': 'application/xml' });
      response.end(
        `<?xml version="1.0"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${contents.join('')}${
          more ? `<NextContinuationToken>${from + 2}</NextContinuationToken>` : ''
        }</ListBucketResult>`,
      );
      return;
    }
    const key = `${bucket}/${rest.join('/')}`;
    const body = objects.get(key);
    if (!body) {
      fail(404, 'NoSuchKey', 'The specified key does not exist.');
      return;
    }
    response.writeHead(200, { 'content-length': body.length + (stuck.has(key) ? 1 : 0) });
    if (stuck.has(key)) {
      streaming.add(key);
      response.on('close', () => streaming.delete(key));
      response.write(body);
    } else response.end(body);
  });
  server.keepAliveTimeout = 0; // it closes no connection because a test took long
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'eu-west-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: 'copy', secretAccessKey: 'copy' },
  });
  return {
    client,
    denied,
    stuck,
    streaming,
    put: (key: string, body: string | Buffer) => objects.set(key, Buffer.from(body)),
    async close() {
      client.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
