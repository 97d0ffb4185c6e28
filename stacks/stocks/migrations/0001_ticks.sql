-- Ticks with their trend, the ledgers of what was loaded, and the roles that touch them.
-- Redshift records primary keys for its planner and enforces none of them: each load leaves out what is there.

CREATE SCHEMA stocks;
CREATE SCHEMA stocks_staging;

-- The columns of a rows object and nothing else; every staging table is made LIKE it. NOT NULL is enforced.
CREATE TABLE stocks.row_template (
  symbol           VARCHAR(12)   NOT NULL,
  venue            VARCHAR(4)    NOT NULL,
  trading_day      DATE          NOT NULL,
  trade_id         BIGINT        NOT NULL,
  at_ns            BIGINT        NOT NULL,
  price            DECIMAL(18,6) NOT NULL,
  size             DECIMAL(18,6) NOT NULL,
  trend            VARCHAR(10)   NOT NULL,
  score            SMALLINT,
  change           DECIMAL(18,6),
  change_percent   DOUBLE PRECISION,
  simple_return    DOUBLE PRECISION,
  volatility       DOUBLE PRECISION,
  vwap             DOUBLE PRECISION,
  ticks_per_second DOUBLE PRECISION,
  source           VARCHAR(7)    NOT NULL,
  feed_token       BIGINT        NOT NULL,
  received_ns      BIGINT        NOT NULL,
  rule_version     VARCHAR(10)   NOT NULL
);

-- Every tick once. Times in nanoseconds since 1970; traded_at is at_ns in UTC to the microsecond. loaded_at: when its load
-- began, or its insert, whichever Redshift knows to be later (GETDATE has whole seconds); freshness_ms is loaded_at minus
-- traded_at.
CREATE TABLE stocks.ticks (
  symbol           VARCHAR(12)   NOT NULL,
  venue            VARCHAR(4)    NOT NULL,
  trading_day      DATE          NOT NULL,
  trade_id         BIGINT        NOT NULL,
  at_ns            BIGINT        NOT NULL,
  price            DECIMAL(18,6) NOT NULL,
  size             DECIMAL(18,6) NOT NULL,
  trend            VARCHAR(10)   NOT NULL,
  score            SMALLINT,
  change           DECIMAL(18,6),
  change_percent   DOUBLE PRECISION,
  simple_return    DOUBLE PRECISION,
  volatility       DOUBLE PRECISION,
  vwap             DOUBLE PRECISION,
  ticks_per_second DOUBLE PRECISION,
  source           VARCHAR(7)    NOT NULL,
  feed_token       BIGINT        NOT NULL,
  received_ns      BIGINT        NOT NULL,
  rule_version     VARCHAR(10)   NOT NULL,
  traded_at        TIMESTAMP     NOT NULL,
  loaded_at        TIMESTAMP     NOT NULL,
  freshness_ms     BIGINT        NOT NULL,
  PRIMARY KEY (symbol, venue, trading_day, trade_id)
) DISTKEY (symbol) SORTKEY (trading_day, symbol, at_ns);

-- One row a load, and one row an object, which names the load that read it last.
CREATE TABLE stocks.load_ledger (
  load_id      CHAR(24)  NOT NULL,
  rows_staged  BIGINT    NOT NULL,
  oldest_at_ns BIGINT,
  newest_at_ns BIGINT,
  loaded_at    TIMESTAMP NOT NULL,
  PRIMARY KEY (load_id)
);
CREATE TABLE stocks.object_ledger (
  object_key   VARCHAR(1024) NOT NULL,
  object_bytes BIGINT        NOT NULL,
  load_id      CHAR(24)      NOT NULL,
  PRIMARY KEY (object_key)
) SORTKEY (object_key);

-- Locked by every load, read by nobody: LOCK keeps readers out too.
CREATE TABLE stocks.load_lock (unused BOOLEAN);

-- The newest tick of each symbol that was traded in the week up to the last tick: the whole table need not be read.
CREATE VIEW stocks.latest AS
  SELECT symbol, price, trend, score, change, change_percent, volatility, vwap, ticks_per_second, size, venue,
         trading_day, trade_id, at_ns, traded_at, loaded_at, freshness_ms
  FROM (
    SELECT symbol, price, trend, score, change, change_percent, volatility, vwap, ticks_per_second, size, venue,
           trading_day, trade_id, at_ns, traded_at, loaded_at, freshness_ms,
           ROW_NUMBER() OVER (PARTITION BY symbol ORDER BY at_ns DESC, received_ns DESC, trade_id DESC) AS age
    FROM stocks.ticks
    WHERE trend <> 'late' AND trading_day > (SELECT DATEADD(day, -7, MAX(trading_day)) FROM stocks.ticks)
  ) AS by_age
  WHERE age = 1;

-- Late ticks were traded too: they count here, where they belong by their time. volatility is the realized one of the minute,
-- the square root of the sum of squared simple returns (T. G. Andersen and T. Bollerslev, Answering the Skeptics,
-- International Economic Review 39, 1998).
CREATE VIEW stocks.per_minute AS
  SELECT symbol, trading_day, minute_utc, MIN(first_price) AS open_price, MAX(price) AS high_price,
         MIN(price) AS low_price, MIN(last_price) AS close_price, SUM(size) AS volume,
         SUM(price::DOUBLE PRECISION * size::DOUBLE PRECISION) / CASE WHEN SUM(size) > 0 THEN SUM(size)::DOUBLE PRECISION END AS vwap,
         SQRT(SUM(simple_return * simple_return)) AS volatility, COUNT(*) AS ticks, MAX(freshness_ms) AS freshness_ms
  FROM (
    SELECT symbol, trading_day, DATE_TRUNC('minute', traded_at) AS minute_utc, price, size, simple_return, freshness_ms,
           FIRST_VALUE(price) OVER (PARTITION BY symbol, DATE_TRUNC('minute', traded_at)
             ORDER BY at_ns, received_ns, trade_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS first_price,
           LAST_VALUE(price) OVER (PARTITION BY symbol, DATE_TRUNC('minute', traded_at)
             ORDER BY at_ns, received_ns, trade_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last_price
    FROM stocks.ticks
  ) AS by_minute
  GROUP BY symbol, trading_day, minute_utc;

-- Loaders write; readers (data scientists, dashboards) read what is loaded.
CREATE ROLE stocks_loader;
CREATE ROLE stocks_reader;
GRANT USAGE ON SCHEMA stocks TO ROLE stocks_loader;
GRANT USAGE, CREATE ON SCHEMA stocks_staging TO ROLE stocks_loader;
GRANT SELECT ON stocks.row_template TO ROLE stocks_loader;
GRANT SELECT, INSERT, DELETE ON stocks.ticks TO ROLE stocks_loader;
GRANT SELECT, INSERT, DELETE ON stocks.load_ledger TO ROLE stocks_loader;
GRANT SELECT, INSERT, DELETE ON stocks.object_ledger TO ROLE stocks_loader;
GRANT SELECT, INSERT, UPDATE, DELETE ON stocks.load_lock TO ROLE stocks_loader;
GRANT USAGE ON SCHEMA stocks TO ROLE stocks_reader;
GRANT SELECT ON stocks.ticks TO ROLE stocks_reader;
GRANT SELECT ON stocks.load_ledger TO ROLE stocks_reader;
GRANT SELECT ON stocks.object_ledger TO ROLE stocks_reader;
GRANT SELECT ON stocks.latest TO ROLE stocks_reader;
GRANT SELECT ON stocks.per_minute TO ROLE stocks_reader;
