import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LabError } from '../domain/errors.ts';
import { trustingAgent } from './core/certificate.ts';
import type { RunningLab } from './labs.ts';
import type { ClientConfig, Laptop } from './laptop.ts';

/** What another command needs to reach a laptop that is up: kept in its run directory, readable by its owner alone. */
interface Session {
  pid: number;
  endpoint: string;
  region: string;
  credentials: ClientConfig['credentials'];
  authority: string;
  labs: { name: string; stack: string; outputs: Readonly<Record<string, string>>; dataApi: string }[];
}

const fileName = 'session.json';

export function writeSession(laptop: Laptop, running: RunningLab[]): { remove(): void } {
  const path = join(laptop.runDirectory.path, fileName);
  const session: Session = {
    pid: process.pid,
    endpoint: laptop.endpoint,
    region: laptop.region,
    credentials: laptop.clients.credentials,
    authority: resolve(laptop.certificate.authority),
    labs: running.map(({ name, deployed }) => ({
      name,
      stack: deployed.stack,
      outputs: deployed.outputs,
      dataApi: deployed.dataApi.endpoint,
    })),
  };
  writeFileSync(path, JSON.stringify(session), { mode: 0o600 });
  return { remove: () => rmSync(path, { force: true }) };
}

/** The newest laptop that is up and runs this lab; undefined when there is none. */
export function findSession(
  lab: string,
  root = '.local/runs',
):
  | {
      stack: string;
      clients: ClientConfig;
      dataApi: ClientConfig;
      outputs: Readonly<Record<string, string>>;
    }
  | undefined {
  for (const run of runs(root)) {
    let session: Session;
    try {
      session = JSON.parse(readFileSync(join(root, run, fileName), 'utf8'));
      process.kill(session.pid, 0);
    } catch {
      continue; // no session, or its process is gone
    }
    const found = session.labs.find(({ name }) => name === lab);
    if (!found) continue;
    const clients: ClientConfig = {
      endpoint: session.endpoint,
      region: session.region,
      credentials: session.credentials,
      requestHandler: { httpsAgent: trustingAgent(session) },
    };
    const { stack, outputs, dataApi } = found;
    return { stack, clients, dataApi: { ...clients, endpoint: dataApi }, outputs };
  }
  return undefined;
}

function runs(root: string): string[] {
  try {
    return readdirSync(root).sort().reverse();
  } catch {
    return [];
  }
}

/** For commands that need one. */
export function requireSession(lab: string, root?: string) {
  const session = findSession(lab, root);
  if (!session) throw new LabError('LaptopNotUp', lab);
  return session;
}
