import { fileURLToPath } from 'node:url';
import { pythonEnvironment } from '../local/core/python-environment.ts';

const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));

/**
 * A Python that has the readers to compare with, in an environment of its own: they are no part of the lab. Installed once
 * for a state of bench/requirements.txt.
 *
 * @param directory where environments are kept
 * @throws Error with the last line of what failed
 */
export const pythonPeers = (directory: string, signal: AbortSignal): Promise<string> =>
  pythonEnvironment(directory, requirements, signal);
