-- trading_day in each PARTITION BY, where it changes no row, as a minute is of one day: a condition on it can then be applied to
-- the scan, and leaves out the blocks of other days. Behind a window that is not partitioned by it, the whole table is sorted.
CREATE OR REPLACE VIEW stocks.per_minute AS
  SELECT symbol, trading_day, minute_utc, MIN(first_price) AS open_price, MAX(price) AS high_price,
         MIN(price) AS low_price, MIN(last_price) AS close_price, SUM(size) AS volume,
         SUM(price::DOUBLE PRECISION * size::DOUBLE PRECISION) / CASE WHEN SUM(size) > 0 THEN SUM(size)::DOUBLE PRECISION END AS vwap,
         SQRT(SUM(simple_return * simple_return)) AS volatility, COUNT(*) AS ticks, MAX(freshness_ms) AS freshness_ms
  FROM (
    SELECT symbol, trading_day, DATE_TRUNC('minute', traded_at) AS minute_utc, price, size, simple_return, freshness_ms,
           FIRST_VALUE(price) OVER (PARTITION BY symbol, trading_day, DATE_TRUNC('minute', traded_at)
             ORDER BY at_ns, received_ns, trade_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS first_price,
           LAST_VALUE(price) OVER (PARTITION BY symbol, trading_day, DATE_TRUNC('minute', traded_at)
             ORDER BY at_ns, received_ns, trade_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last_price
    FROM stocks.ticks
  ) AS by_minute
  GROUP BY symbol, trading_day, minute_utc;

-- A view that is replaced keeps its grants in PostgreSQL; Redshift's page does not say so.
GRANT SELECT ON stocks.per_minute TO ROLE stocks_reader;
