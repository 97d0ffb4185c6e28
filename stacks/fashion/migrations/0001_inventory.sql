-- The inventory tables, the ledger of loads, and the roles that touch them.
-- Redshift records primary keys for its planner and enforces none of them: the load reconciles and swaps by key itself.

CREATE SCHEMA fashion;
CREATE SCHEMA fashion_staging;

-- The report's columns and nothing else; every staging table is made LIKE it. NOT NULL is enforced.
CREATE TABLE fashion.report_template (
  sku            VARCHAR(64)   NOT NULL,
  style          VARCHAR(64)   NOT NULL,
  description    VARCHAR(1024),
  category       VARCHAR(128)  NOT NULL,
  colour         VARCHAR(128),
  size           VARCHAR(32),
  location       VARCHAR(64)   NOT NULL,
  on_hand        BIGINT        NOT NULL,
  reserved       BIGINT        NOT NULL,
  unit_price     DECIMAL(12,2) NOT NULL,
  available_from DATE,
  discontinued   BOOLEAN       NOT NULL
);

-- What the shop front reads: the positions of the newest drop, replaced whole in one transaction.
CREATE TABLE fashion.current_positions (
  load_key       VARCHAR(120)  NOT NULL,
  sku            VARCHAR(64)   NOT NULL,
  style          VARCHAR(64)   NOT NULL,
  description    VARCHAR(1024),
  category       VARCHAR(128)  NOT NULL,
  colour         VARCHAR(128),
  size           VARCHAR(32),
  location       VARCHAR(64)   NOT NULL,
  on_hand        BIGINT        NOT NULL,
  reserved       BIGINT        NOT NULL,
  unit_price     DECIMAL(12,2) NOT NULL,
  available_from DATE,
  discontinued   BOOLEAN       NOT NULL,
  PRIMARY KEY (sku, location)
) DISTKEY (sku) SORTKEY (sku, location);

-- Every drop ever loaded, a set of rows each.
CREATE TABLE fashion.position_history (
  drop_date      DATE          NOT NULL,
  drop_slot      CHAR(4)       NOT NULL,
  drop_sha256    CHAR(64)      NOT NULL,
  load_key       VARCHAR(120)  NOT NULL,
  sku            VARCHAR(64)   NOT NULL,
  style          VARCHAR(64)   NOT NULL,
  description    VARCHAR(1024),
  category       VARCHAR(128)  NOT NULL,
  colour         VARCHAR(128),
  size           VARCHAR(32),
  location       VARCHAR(64)   NOT NULL,
  on_hand        BIGINT        NOT NULL,
  reserved       BIGINT        NOT NULL,
  unit_price     DECIMAL(12,2) NOT NULL,
  available_from DATE,
  discontinued   BOOLEAN       NOT NULL
) DISTKEY (sku) SORTKEY (drop_date, drop_slot);

-- One row a load, keyed by (date, slot, sha256, transform version).
CREATE TABLE fashion.load_ledger (
  load_key          VARCHAR(120)  NOT NULL,
  drop_date         DATE          NOT NULL,
  drop_slot         CHAR(4)       NOT NULL,
  drop_sha256       CHAR(64)      NOT NULL,
  modified_at_ms    BIGINT        NOT NULL,
  transform_version VARCHAR(20)   NOT NULL,
  drop_order        VARCHAR(120)  NOT NULL,
  archive_key       VARCHAR(1024) NOT NULL,
  csv_key           VARCHAR(1024) NOT NULL,
  run               VARCHAR(120)  NOT NULL,
  forced            BOOLEAN       NOT NULL,
  outcome           VARCHAR(10)   NOT NULL,
  rows_in           BIGINT        NOT NULL,
  rows_loaded       BIGINT        NOT NULL,
  rows_rejected     BIGINT        NOT NULL,
  modified_at       TIMESTAMP     NOT NULL,
  collected_at      TIMESTAMP     NOT NULL,
  transformed_at    TIMESTAMP     NOT NULL,
  staged_at         TIMESTAMP     NOT NULL,
  loaded_at         TIMESTAMP     NOT NULL,
  PRIMARY KEY (load_key)
);

-- Which drop the current positions are from: at most one row.
CREATE TABLE fashion.current_drop (
  load_key   VARCHAR(120) NOT NULL,
  drop_order VARCHAR(120) NOT NULL
);

-- Locked by every load, read by nobody: LOCK keeps readers out too.
CREATE TABLE fashion.load_lock (unused BOOLEAN);

CREATE VIEW fashion.stock_on_sale AS
  SELECT sku, style, description, category, colour, size, location,
         on_hand - reserved AS available, unit_price
  FROM fashion.current_positions
  WHERE NOT discontinued AND on_hand > reserved;

-- Loaders write; readers (the shop front, analysts) read what is published.
CREATE ROLE fashion_loader;
CREATE ROLE fashion_reader;
GRANT USAGE ON SCHEMA fashion TO ROLE fashion_loader;
GRANT USAGE, CREATE ON SCHEMA fashion_staging TO ROLE fashion_loader;
GRANT SELECT ON fashion.report_template TO ROLE fashion_loader;
GRANT SELECT, INSERT, DELETE ON fashion.current_positions TO ROLE fashion_loader;
GRANT SELECT, INSERT, DELETE ON fashion.position_history TO ROLE fashion_loader;
GRANT SELECT, INSERT, DELETE ON fashion.load_ledger TO ROLE fashion_loader;
GRANT SELECT, INSERT, DELETE ON fashion.current_drop TO ROLE fashion_loader;
GRANT SELECT, INSERT, UPDATE, DELETE ON fashion.load_lock TO ROLE fashion_loader;
GRANT USAGE ON SCHEMA fashion TO ROLE fashion_reader;
GRANT SELECT ON fashion.current_positions TO ROLE fashion_reader;
GRANT SELECT ON fashion.position_history TO ROLE fashion_reader;
GRANT SELECT ON fashion.load_ledger TO ROLE fashion_reader;
GRANT SELECT ON fashion.stock_on_sale TO ROLE fashion_reader;
