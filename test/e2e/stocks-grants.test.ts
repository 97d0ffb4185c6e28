import { proveGrants } from './grants-suite.ts';
import { openStocksLab } from './stocks-lab.ts';
import { feedSettings, StocksScenarios, traded } from './stocks-scenarios.ts';

proveGrants({
  stack: 'StockTrends',
  open: () => openStocksLab({ exchange: { symbols: traded } }, feedSettings),
  scenarios: (stocks) => StocksScenarios.open(stocks),
});
