/**
 * The Dow Jones Industrial Average: S&P Dow Jones Indices, spglobal.com/spdji. As of 2026-06-29, when Alphabet's class A came
 * in for Verizon and Honeywell stayed after its spin-off (announced 2026-06-23); looked up in November 2026.
 */
export const dow30 = words(`
  AAPL AMGN AMZN AXP BA CAT CRM CSCO CVX DIS GOOGL GS HD HON IBM
  JNJ JPM KO MCD MMM MRK MSFT NKE NVDA PG SHW TRV UNH V WMT`);

/**
 * The Nasdaq-100, 100 companies by 101 symbols (Alphabet has two): nasdaq.com/solutions/global-indexes/nasdaq-100. Nasdaq's
 * own list of 2026-10-01, and Moderna's entry for Warner Bros. Discovery on 2026-10-09 (announced 2026-10-01); looked up in
 * November 2026. It is reviewed each December, and since 2026 each quarter.
 */
export const nasdaq100 = words(`
  AAPL ABNB ADBE ADI ADP ADSK AEP ALAB ALNY AMAT AMD AMGN AMZN APP ARM ASML AVGO AXON BKNG BKR
  CCEP CDNS CEG CMCSA COST CPRT CRWD CRWV CSCO CSX CTAS DASH DDOG DXCM EXC FANG FAST FER FTNT GEHC
  GILD GOOG GOOGL HON HONA IDXX INTC INTU ISRG KDP KLAC LIN LITE LRCX MAR MCHP MDLZ MELI META MNST
  MPWR MRNA MRVL MSFT MSTR MU NBIS NFLX NVDA NXPI ODFL ORLY PANW PAYX PCAR PDD PEP PLTR PYPL QCOM
  REGN RKLB ROP ROST SBUX SHOP SNDK SNPS SPCX STX TER TMUS TRI TSLA TTWO TXN VRTX WDAY WDC WMT XEL`);

/** Both without repetition, sorted: what the feed subscribes to. */
export const symbols: readonly string[] = [...new Set([...dow30, ...nasdaq100])].sort();

/**
 * Members that have left since 2026-01-20, by the same sources: nobody subscribes to them, and the archive's older hours have
 * them. A symbol that leaves the lists above is put here, or a replay of those hours would set its trades aside.
 */
export const formerSymbols = words('CHTR CSGP CTSH EA INSM KHC TEAM VRSK VZ WBD ZS');

const known = new Set([...symbols, ...formerSymbols]);

/** Whether a trade of this symbol is one that we asked for, today or before. */
export const isKnownSymbol = (symbol: string): boolean => known.has(symbol);

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
