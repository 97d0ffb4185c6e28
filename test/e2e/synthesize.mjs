import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { temporaryDirectoryOfRun } from '../house/temporary-directory.mjs';
import { cdkSynth } from './cdk-synth.mjs';

/** One directory a run, by its process. */
const root = join('.local', 'assemblies');

/** A run that was killed could not remove its own. */
async function removeLeftovers() {
  for (const pid of await readdir(root).catch(() => [])) {
    try {
      process.kill(Number(pid), 0);
    } catch {
      await rm(join(root, pid), { recursive: true, force: true });
    }
  }
}

/**
 * jest's global setup (JavaScript: it is loaded before any transform): all end-to-end tests deploy, and the pictures are held
 * against, the same synthesized assembly, made once. Runs without such a test in them do not pay for it. Every run has a
 * temporary directory of its own.
 *
 * @param {{ nonFlagArgs?: string[] }} config
 * @param {{ nonFlagArgs?: string[] }} _project
 */
export default async function synthesize(config, _project) {
  const removeTemporary = await temporaryDirectoryOfRun();
  // @ts-expect-error global teardown runs in this process and finds it here
  globalThis.removeAfterRun = removeTemporary;
  const asked = config.nonFlagArgs ?? [];
  if (asked.length > 0 && !asked.some((pattern) => /e2e|diagrams|^\.?\/?test\/?$/.test(pattern))) return;
  await removeLeftovers();
  const directory = join(root, String(process.pid));
  await mkdir(directory, { recursive: true });
  const remove = () => rm(directory, { recursive: true, force: true });
  const assembly = resolve(directory, 'cdk.out');
  try {
    await cdkSynth(assembly);
  } catch (error) {
    await Promise.all([remove(), removeTemporary()]);
    throw error;
  }
  process.env.LABS_ASSEMBLY = assembly;
  // @ts-expect-error as above
  globalThis.removeAfterRun = () => Promise.all([remove(), removeTemporary()]);
}
