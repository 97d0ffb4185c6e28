export { loadEnvironment } from '../warehouse/contract.ts';
export { defaultFileNamePattern } from './drop.ts';
export * from './environment.ts';
export * from './events.ts';
export * from './keys.ts';
