import { createHash } from 'node:crypto';

/**
 * The staging table of one load, by its name: temporary tables die between Data API calls, so each load has a real one of its
 * own, which a repetition of the load finds again.
 */
export function stagingTableOf(schema: string, load: string): string {
  return `${schema}.load_${createHash('sha256').update(load).digest('hex').slice(0, 24)}`;
}
