import * as z from 'zod';
import { LabError } from '../errors.ts';
import type { CopiedObject } from '../shared/copy-manifest.ts';
import { parseKey } from './keys.ts';
import { mostObjectsToPublish } from './sql.ts';

/** What the publish function is asked: to take objects of rows of one replay into SQL, in one transaction. */
export interface Publication {
  /** The replay's id. */
  run: string;
  objects: CopiedObject[];
}

/** What it answers. */
export interface Published {
  /** In the objects, each once. */
  ticks: number;
  /** Of them: those that SQL had otherwise, and those that it did not have. The others were the same and stay as they were. */
  replaced: number;
  added: number;
}

const shape = z.strictObject({
  run: z.string(),
  objects: z
    .array(z.strictObject({ key: z.string(), bytes: z.int().nonnegative() }))
    .min(1)
    .max(mostObjectsToPublish),
});

/** @throws PublicationInvalid */
export function parsePublication(event: unknown): Publication {
  const { data, error } = shape.safeParse(event);
  if (error)
    throw new LabError(
      'PublicationInvalid',
      error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
    );
  const foreign = data.objects.find(({ key }) => !isRowsOf(data.run, key));
  if (foreign) throw new LabError('PublicationInvalid', `${foreign.key} is no object of rows of ${data.run}`);
  return data;
}

function isRowsOf(run: string, key: string): boolean {
  try {
    const parsed = parseKey(key);
    return parsed.kind === 'rows' && parsed.run === run;
  } catch {
    return false; // not a key of the archive
  }
}
