import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LabError } from '../domain/errors.ts';
import { type Certificate, trustingAgent } from './core/certificate.ts';
import { startProcess, type TetheredProcess } from './core/child-process.ts';
import { onFreePort } from './core/ports.ts';
import type { RunDirectory } from './core/run-directory.ts';

/** The emulator knows one account and these root credentials; they open nothing outside of this machine. */
export const account = '000000000000';
export const region = 'us-east-1';
export const rootCredentials = { accessKeyId: 'test', secretAccessKey: 'test' };

const launcher = fileURLToPath(new URL('../python/emulator.py', import.meta.url));

export interface Emulator {
  url: string;
  version: string;
  process: TetheredProcess;
  stop(): Promise<void>;
}

interface EmulatorOptions {
  python: string;
  runDirectory: RunDirectory;
  certificate: Certificate;
}

/**
 * Starts MiniStack: the AWS API on 127.0.0.1, over TLS, IAM enforced. Functions run as local Node processes.
 *
 * @param port asked again when another program takes it before the emulator does. @default any that is free
 * @throws EmulatorNotStarted
 */
export function startEmulator(options: EmulatorOptions, port?: () => Promise<number>): Promise<Emulator> {
  return onFreePort(
    (free) => startOn(free, options),
    ({ message }) => /already in use/i.test(message),
    port,
  );
}

async function startOn(port: number, o: EmulatorOptions): Promise<Emulator> {
  const state = join(o.runDirectory.path, 'emulator');
  await mkdir(join(state, 'tmp'), { recursive: true });
  // Functions are unpacked below this directory: without a package.json of their own, Node would find the repository's,
  // take their CommonJS for ES modules, and end without a word.
  await writeFile(join(state, 'package.json'), '{}');
  const child = await startProcess({
    name: 'emulator',
    command: o.python,
    args: [launcher],
    cwd: state,
    logFile: o.runDirectory.logFile('emulator'),
    env: {
      PATH: process.env.PATH,
      HOME: state,
      TMPDIR: join(state, 'tmp'),
      PYTHONUNBUFFERED: '1',
      BIND_HOST: '127.0.0.1', // its default is every interface
      GATEWAY_PORT: String(port),
      MINISTACK_HOST: '127.0.0.1',
      MINISTACK_REGION: region,
      S3_DATA_DIR: join(state, 's3'),
      IOT_MTLS_ENABLED: '0', // another listener that no lab uses
      AUTH: 'true', // evaluate IAM
      USE_SSL: '1', // plain HTTP would be refused by every TLS-only bucket policy
      MINISTACK_SSL_CERT: o.certificate.server,
      MINISTACK_SSL_KEY: o.certificate.key,
      ...o.certificate.environment,
      AWS_ACCESS_KEY_ID: rootCredentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: rootCredentials.secretAccessKey,
      AWS_DEFAULT_REGION: region,
      // CDK's own custom resources expect the SDK that Lambda's runtime provides.
      NODE_PATH: join(process.cwd(), 'node_modules'),
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    },
  });
  const url = `https://127.0.0.1:${port}`;
  const agent = trustingAgent(o.certificate);
  let dead: string | undefined;
  void child.exited.then(({ code, signal }) => {
    dead = `it ended with ${signal ?? `code ${code}`}`;
  });
  try {
    for (const until = Date.now() + 120_000; ; ) {
      const health = await get(`${url}/_ministack/health`, agent).catch(() => undefined);
      if (health)
        return { url, version: String(health.version ?? ''), process: child, stop: () => child.stop() };
      if (dead !== undefined || Date.now() > until) {
        throw new LabError('EmulatorNotStarted', `${dead ?? 'no answer within 120 s'}\n${child.tail(8)}`);
      }
      await sleep(50);
    }
  } catch (error) {
    await child.stop();
    throw error;
  } finally {
    agent.destroy();
  }
}

function get(url: string, agent: import('node:https').Agent): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    request(url, { agent, timeout: 2000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => {
        if (response.statusCode !== 200) return reject(new Error(`status ${response.statusCode}`));
        resolve(JSON.parse(body));
      });
    })
      .on('error', reject)
      .on('timeout', function (this: import('node:http').ClientRequest) {
        this.destroy(new Error('timeout'));
      })
      .end();
  });
}
