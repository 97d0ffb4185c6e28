import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, get, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';
import { type Certificate, makeCertificate, trustingAgent } from '../../../local/core/certificate.ts';

jest.setTimeout(120_000); // starts processes on a machine that may be busy

const python = process.env.LABS_PYTHON ?? '.local/python/bin/python';
let directory: string;
let certificate: Certificate;
let server: Server;
let port: number;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'labs-test-'));
  certificate = await makeCertificate({ directory, python });
  server = createServer(
    { cert: readFileSync(certificate.server), key: readFileSync(certificate.key) },
    (_request, response) => response.end('hello'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

it('keys are readable by this user alone, and the authority has none', () => {
  expect(readdirSync(directory).sort()).toEqual(['authority.pem', 'server.key', 'server.pem']);
  expect(statSync(certificate.key).mode & 0o777).toBe(0o600);
});

it('an agent of ours trusts it for localhost and 127.0.0.1; others do not', async () => {
  const agent = trustingAgent(certificate);
  const status = (host: string, options: object) =>
    new Promise((resolve, reject) => {
      get({ host, port, family: 4, ...options }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });
  expect(await status('localhost', { agent })).toBe(200);
  expect(await status('127.0.0.1', { agent })).toBe(200);
  await expect(status('127.0.0.1', {})).rejects.toMatchObject({ code: 'SELF_SIGNED_CERT_IN_CHAIN' });
  agent.destroy();
});

const env = () => ({ PATH: process.env.PATH, ...certificate.environment });

it('a Node of its own trusts it through the environment', async () => {
  const script = `fetch('https://127.0.0.1:${port}').then(async (r) => console.log(await r.text()))`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { env: env() });
  expect(stdout.trim()).toBe('hello');
});

it('Python trusts it through the environment, strictest checks on: ssl, and botocore', async () => {
  const script = `
import ssl, urllib.request
context = ssl.create_default_context()
context.verify_flags |= ssl.VERIFY_X509_STRICT
print(urllib.request.urlopen("https://localhost:${port}", context=context).read().decode())
import botocore.session
client = botocore.session.get_session().create_client("s3", "us-east-1", endpoint_url="https://127.0.0.1:${port}",
  aws_access_key_id="test", aws_secret_access_key="test")
print(client.get_object(Bucket="b", Key="k")["Body"].read().decode())
`;
  const { stdout } = await promisify(execFile)(python, ['-c', script], { env: env() });
  expect(stdout.trim().split('\n')).toEqual(['hello', 'hello']);
});

it('a Python that lacks cryptography is one clear error', async () => {
  const bare = execFileSync('sh', ['-c', 'command -v false'], { encoding: 'utf8' }).trim();
  await expect(makeCertificate({ directory, python: bare })).rejects.toMatchObject({
    code: 'CertificateNotMade',
  });
  await expect(makeCertificate({ directory, python: '/no/python' })).rejects.toThrow(/ENOENT/);
});
