import { setTimeout as sleep } from 'node:timers/promises';
import { until, World } from './feeds.ts';

let world: World;
afterEach(() => world.close());

describe('the feed, against an exchange', () => {
  it('puts every trade on the stream, once and in the order of its symbol', async () => {
    world = await World.open();
    const feed = world.feed();
    await world.subscribed(feed);
    world.exchange.start();
    await until(() => world.happened().length > 500);
    world.exchange.stopTrading();
    await world.complete();
    await feed.stop();
    expect(world.missing()).toEqual([]);
    expect(world.duplicates()).toBe(0);
    expect(world.outOfOrder()).toEqual([]);
    expect(world.gaps()).toEqual([]);
    await sleep(0);
  });
});
