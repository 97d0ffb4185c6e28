/**
 * The Dow Jones Industrial Average: S&P Dow Jones Indices, spglobal.com/spdji; unchanged since 2024-11-08, looked up in
 * January 2026.
 */
export const dow30 = words(`
  AAPL AMGN AMZN AXP BA CAT CRM CSCO CVX DIS GS HD HON IBM JNJ
  JPM KO MCD MMM MRK MSFT NKE NVDA PG SHW TRV UNH V VZ WMT`);

/**
 * The Nasdaq-100, 100 companies by 101 symbols (Alphabet has two): nasdaq.com/solutions/global-indexes/nasdaq-100, as of
 * 2026-01-20, after the annual reconstitution of 2025-12-22 and Walmart's entry.
 */
export const nasdaq100 = words(`
  AAPL ABNB ADBE ADI ADP ADSK AEP ALNY AMAT AMD AMGN AMZN APP ARM ASML AVGO AXON BKNG BKR CCEP
  CDNS CEG CHTR CMCSA COST CPRT CRWD CSCO CSGP CSX CTAS CTSH DASH DDOG DXCM EA EXC FANG FAST FER
  FTNT GEHC GILD GOOG GOOGL HON IDXX INSM INTC INTU ISRG KDP KHC KLAC LIN LRCX MAR MCHP MDLZ MELI
  META MNST MPWR MRVL MSFT MSTR MU NFLX NVDA NXPI ODFL ORLY PANW PAYX PCAR PDD PEP PLTR PYPL QCOM
  REGN ROP ROST SBUX SHOP SNPS STX TEAM TMUS TRI TSLA TTWO TXN VRSK VRTX WBD WDAY WDC WMT XEL ZS`);

/** Both without repetition, sorted: what the feed subscribes to. */
export const symbols: readonly string[] = [...new Set([...dow30, ...nasdaq100])].sort();

const known = new Set(symbols);

export const isKnownSymbol = (symbol: string): boolean => known.has(symbol);

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
