export * from './environment.ts';
export { checkedFeedSettings, defaultFeedSettings, type FeedSettings } from './feed-settings.ts';
export { heartbeatFile, heartbeatTooOldMs } from './heartbeat.ts';
export * from './keys.ts';
export { symbols } from './symbols.ts';
export { gapPartitionKey } from './tick-record.ts';
