import type { FaultEffect } from './faults.ts';

/** What AWS does now and then, as the soak run and the tests inject it. */

/** S3, asked too often. */
export const slowDown: FaultEffect = {
  kind: 'refuse',
  status: 503,
  code: 'SlowDown',
  message: 'Please reduce your request rate.',
};

/** The Data API or DynamoDB, asked too often. */
export const throttled: FaultEffect = {
  kind: 'refuse',
  status: 400,
  code: 'ThrottlingException',
  message: 'Rate exceeded',
};

/** Kinesis, given more than a shard takes. */
export const shardThrottled: FaultEffect = {
  kind: 'refuse',
  status: 400,
  code: 'ProvisionedThroughputExceededException',
  message: 'Rate exceeded for shard shardId-000000000000.',
};

/** The Data API's own fault. */
export const internalError: FaultEffect = {
  kind: 'refuse',
  status: 500,
  code: 'InternalServerException',
  message: 'Internal server error',
};

/** The operation has happened, and the caller does not know. */
export const answerLost: FaultEffect = { kind: 'cut', at: 'response' };
