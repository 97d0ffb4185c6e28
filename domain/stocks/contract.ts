export * from './environment.ts';
export * from './keys.ts';
export { symbols } from './symbols.ts';
export { gapPartitionKey } from './tick-record.ts';
