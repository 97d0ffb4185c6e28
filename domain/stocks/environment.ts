import { loadEnvironment } from '../warehouse/contract.ts';

/**
 * Names of the environment variables between the stack and what runs in it. The stack must set each of them and a program
 * can read no other: a misspelt name does not compile.
 */
export const feedEnvironment = [
  'STREAM_NAME',
  'LEASE_TABLE',
  /** JSON: key and secret of the provider. */
  'PROVIDER_SECRET_ARN',
  /** JSON: the feed's settings. */
  'FEED_SETTINGS',
] as const;

export const trendEnvironment = ['STATE_TABLE', 'ARCHIVE_BUCKET'] as const;

/** Of the function that looks each minute whether ticks come through. */
export const watchEnvironment = ['STATE_TABLE'] as const;

export { loadEnvironment };
