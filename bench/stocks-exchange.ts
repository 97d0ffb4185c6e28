import { symbols } from '../domain/stocks/symbols.ts';
import { startExchange } from '../local/outside/exchange.ts';

/**
 * The exchange of the stocks lab in a process of its own: `stocks-exchange.mjs TICKS TICKS_PER_SECOND KEY SECRET`. Tells its
 * parent where it is, trades as soon as somebody listens, says how much it has told, and stops trading after so many.
 * It ends with its parent.
 */
const [ticks = '', ticksPerSecond = '', key = '', secret = ''] = process.argv.slice(2);

process.once('disconnect', () => process.exit());
const exchange = await startExchange({
  seed: 1,
  symbols,
  ticksPerSecond: Number(ticksPerSecond),
  key,
  secret,
  // What a feed that reconnects asks the history for; all of them would be a gigabyte.
  keepTrades: 50_000,
});
process.send?.({ streamUrl: exchange.streamUrl, historyUrl: exchange.historyUrl });

let isTrading = false;
const watch = setInterval(() => {
  if (!isTrading && exchange.listening > 0) {
    isTrading = true;
    exchange.start();
  }
  process.send?.({ told: exchange.sent.distinct });
  if (exchange.sent.distinct < Number(ticks)) return;
  exchange.stopTrading();
  clearInterval(watch);
  process.send?.({ told: exchange.sent.distinct, done: true });
}, 50);
