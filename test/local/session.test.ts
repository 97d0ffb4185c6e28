import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LabError } from '../../domain/errors.ts';
import type { RunningLab } from '../../local/labs.ts';
import type { Laptop } from '../../local/laptop.ts';
import { findSession, requireSession, writeSession } from '../../local/session.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'labs-session-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** A laptop that is up, as far as a session is concerned. */
function up(run: string, ...labs: string[]) {
  const path = join(root, run);
  mkdirSync(path);
  const authority = join(path, 'authority.pem');
  writeFileSync(authority, '');
  const laptop = {
    runDirectory: { path },
    endpoint: `https://127.0.0.1:1/${run}`,
    region: 'eu-west-1',
    clients: { credentials: { accessKeyId: 'key', secretAccessKey: 'secret' } },
    certificate: { authority },
  } as unknown as Laptop;
  const running = labs.map((name) => ({
    name,
    ok: true,
    deployed: {
      stack: `${name}Stack`,
      outputs: { Run: run },
      dataApi: { endpoint: `http://127.0.0.1:2/${name}` },
    },
  })) as unknown as RunningLab[];
  return { file: join(path, 'session.json'), ...writeSession(laptop, running) };
}

it('another command finds the laptop that is up, and how to reach it', () => {
  up('20261120T060000-1', 'fashion');
  expect(findSession('fashion', root)).toMatchObject({
    clients: {
      endpoint: 'https://127.0.0.1:1/20261120T060000-1',
      region: 'eu-west-1',
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    },
    dataApi: { endpoint: 'http://127.0.0.1:2/fashion', region: 'eu-west-1' },
    outputs: { Run: '20261120T060000-1' },
  });
});

it('nobody else of the machine reads it', () => {
  expect(statSync(up('1', 'fashion').file).mode & 0o777).toBe(0o600);
});

it('of several laptops the newest one that runs the lab is taken', () => {
  up('20261120T060000-1', 'fashion');
  up('20261120T070000-2', 'fashion');
  up('20261120T080000-3', 'stocks');
  expect(findSession('fashion', root)?.outputs).toEqual({ Run: '20261120T070000-2' });
});

it('what ended is not found', () => {
  up('1', 'fashion').remove();
  expect(findSession('fashion', root)).toBeUndefined();
});

it('a laptop that was killed is not found, and an older one that is up is', async () => {
  up('1', 'fashion');
  const { file } = up('2', 'fashion');
  const gone = spawn(process.execPath, ['-e', '']);
  await once(gone, 'exit');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), pid: gone.pid }));
  expect(findSession('fashion', root)?.outputs).toEqual({ Run: '1' });
});

it('a session that is cut short, and a run that has none, are passed over', () => {
  up('1', 'fashion');
  const { file } = up('2', 'fashion');
  writeFileSync(file, readFileSync(file, 'utf8').slice(0, 40));
  mkdirSync(join(root, '3'));
  expect(findSession('fashion', root)?.outputs).toEqual({ Run: '1' });
});

it('without a laptop that runs the lab the error says which lab is missing, and what to do', () => {
  for (const empty of [root, join(root, 'never-made')]) {
    expect(findSession('fashion', empty)).toBeUndefined();
  }
  try {
    requireSession('no-such-lab');
    throw new Error('a session was found');
  } catch (error) {
    expect(error).toBeInstanceOf(LabError);
    expect(error).toMatchObject({ code: 'LaptopNotUp', value: 'no-such-lab' });
  }
});
