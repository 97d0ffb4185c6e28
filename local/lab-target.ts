import { LabError } from '../domain/errors.ts';
import type { ClientConfig } from './laptop.ts';

/** A deployed lab: the laptop's, or one on AWS, where the SDK finds region and credentials itself. */
export interface LabTarget {
  clients: Partial<ClientConfig>;
  /** True where buckets have no host names of their own. */
  pathStyle: boolean;
  /** The stack's, by name. */
  outputs: Readonly<Record<string, string>>;
}

/** @param lab its slug, for the error. Throws StackUnreadable */
export function outputOf(target: LabTarget, name: string, lab: string): string {
  const value = target.outputs[name];
  if (value === undefined)
    throw new LabError('StackUnreadable', `there is no output ${name}: not a lab of ${lab}`);
  return value;
}

/** An error of the SDK as AwsCallFailed, in one line; any other as it is. */
export function told(error: unknown): unknown {
  if (error instanceof LabError || !(error instanceof Error) || !('$metadata' in error)) return error;
  const text = `${error.name}: ${error.message}`.replaceAll(/\s+/g, ' ');
  return new LabError('AwsCallFailed', text, { cause: error });
}
