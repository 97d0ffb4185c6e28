import { LabError } from '../domain/errors.ts';
import type { ClientConfig } from './laptop.ts';

/** A deployed lab: the laptop's, or one on AWS, where the SDK finds region and credentials itself. */
export interface LabTarget {
  /** Name of its stack. */
  stack: string;
  clients: Partial<ClientConfig>;
  /** Of the Data API of its warehouse. */
  dataApi: Partial<ClientConfig>;
  /** True where buckets have no host names of their own: on an emulator. */
  pathStyle: boolean;
  /** The stack's, by name. */
  outputs: Readonly<Record<string, string>>;
}

/** @param lab its slug, for the error. Throws StackUnreadable */
export function outputOf(target: LabTarget, name: string, lab: string): string {
  const value = target.outputs[name];
  if (value === undefined)
    throw new LabError('StackUnreadable', `there is no output ${name}: not a ${lab} lab`);
  return value;
}

/** An error of the SDK as AwsCallFailed, in one line; any other as it is. */
export function told(error: unknown): unknown {
  return error instanceof Error && '$metadata' in error ? callFailed(error) : error;
}

/** @param hint what a person may do now, behind what the call said */
export function callFailed(error: Error, hint?: string): LabError {
  const said = `${error.name}: ${error.message}`.replaceAll(/\s+/g, ' ');
  return new LabError('AwsCallFailed', hint === undefined ? said : `${said}; ${hint}`, { cause: error });
}
