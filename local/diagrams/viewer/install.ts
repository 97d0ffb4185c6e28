import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { installedPython, pythonEnvironment } from '../../core/python-environment.ts';

const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));
const environments = (cache: string) => join(cache, 'viewer');

/** Where the package is, without running any of it. */
const whereIs = 'import importlib.util as u; print(u.find_spec("jupyterlab_drawio_render_extension").origin)';

async function scriptsIn(python: string): Promise<string> {
  const { stdout } = await promisify(execFile)(python, ['-c', whereIs]);
  return join(dirname(stdout.trim()), 'static');
}

/**
 * The directory of draw.io's scripts, if they were installed before; reaches no network.
 *
 * @param cache directory for what is installed once: `.local`
 */
export async function installedViewer(cache: string): Promise<string | undefined> {
  const python = await installedPython(environments(cache), requirements);
  return python && scriptsIn(python);
}

/**
 * The directory of draw.io's scripts, installed by pip at the first time.
 *
 * @throws Error with the last line of what failed
 */
export async function viewerScripts(cache: string, signal: AbortSignal): Promise<string> {
  return scriptsIn(await pythonEnvironment(environments(cache), requirements, signal));
}
