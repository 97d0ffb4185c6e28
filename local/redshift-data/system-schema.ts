import { systemSchema } from './expressions.ts';

/**
 * What every database of the warehouse holds beside the users' tables, in the schema `redshift_system`:
 * Redshift's functions, SYS_LOAD_ERROR_DETAIL, SVV_USER_GRANTS, and the event trigger that makes VARCHAR(n) count bytes.
 * Runs as superuser at each start; every statement can run again.
 *
 * Bytes are counted by CHECK constraints that an event trigger puts on each new or altered table, so a column made by
 * CREATE TABLE, LIKE, CREATE TABLE AS or ALTER TABLE is covered alike. Their names carry the width: `bytes_<n>_<column
 * number>`, `ascii_<column number>`; `sql-error.ts` turns a violation back into Redshift's message.
 */
export const systemSchemaSql = `
CREATE SCHEMA IF NOT EXISTS ${systemSchema};
GRANT USAGE ON SCHEMA ${systemSchema} TO PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC;

CREATE OR REPLACE FUNCTION ${systemSchema}.count_bytes() RETURNS event_trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $body$
DECLARE
  change record;
  item record;
  additions text;
BEGIN
  FOR change IN
    SELECT DISTINCT objid FROM pg_event_trigger_ddl_commands()
     WHERE classid = 'pg_class'::regclass AND object_type IN ('table', 'table column')
       AND objid IN (SELECT oid FROM pg_class WHERE relkind = 'r')
  LOOP
    -- a width that changed, first: its old check goes
    FOR item IN
      SELECT k.conname, c.oid::regclass AS target
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
       WHERE k.conrelid = change.objid AND k.contype = 'c' AND k.conname ~ '^bytes_[0-9]+_[0-9]+$'
         AND NOT EXISTS (
           SELECT FROM pg_attribute a
            WHERE a.attrelid = k.conrelid AND NOT a.attisdropped
              AND k.conname = format('bytes_%s_%s', a.atttypmod - 4, a.attnum))
    LOOP
      EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', item.target, item.conname);
    END LOOP;
    -- all of them in one command, which calls this trigger once again
    SELECT string_agg(format('ADD CONSTRAINT %I CHECK (%s)', check_name, holds), ', ') INTO additions
      FROM (
        SELECT CASE WHEN a.atttypid = 'varchar'::regtype THEN format('bytes_%s_%s', width, a.attnum)
                    ELSE format('ascii_%s', a.attnum) END AS check_name,
               CASE WHEN a.atttypid = 'varchar'::regtype THEN format('octet_length(%I) <= %s', a.attname, width)
                    -- padded to its width in characters, so ASCII is as many bytes: far cheaper than counting characters
                    WHEN width > 0 THEN format('octet_length(%I) = %s', a.attname, width)
                    ELSE format('octet_length(%I::text) = char_length(%I::text)', a.attname, a.attname) END AS holds
          FROM pg_attribute a, LATERAL (SELECT a.atttypmod - 4 AS width) AS w
         WHERE a.attrelid = change.objid AND a.attnum > 0 AND NOT a.attisdropped
           AND (a.atttypid = 'bpchar'::regtype OR (a.atttypid = 'varchar'::regtype AND a.atttypmod >= 4))
      ) AS wanted
     WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = change.objid AND k.conname = check_name);
    IF additions IS NOT NULL THEN EXECUTE format('ALTER TABLE %s %s', change.objid::regclass, additions); END IF;
  END LOOP;
END $body$;
DROP EVENT TRIGGER IF EXISTS ${systemSchema}_count_bytes;
CREATE EVENT TRIGGER ${systemSchema}_count_bytes ON ddl_command_end
  WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
  EXECUTE FUNCTION ${systemSchema}.count_bytes();

-- the first \`width\` bytes, cut on the edge of a character
CREATE OR REPLACE FUNCTION ${systemSchema}.varchar_bytes(value text, width integer) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
  SELECT CASE WHEN octet_length(value) <= width THEN value
              ELSE (SELECT left(value, n) FROM generate_series(width, 0, -1) AS n WHERE octet_length(left(value, n)) <= width LIMIT 1) END
$body$;
-- the start of the statement, in whole seconds, without a time zone
CREATE OR REPLACE FUNCTION ${systemSchema}.getdate() RETURNS timestamp LANGUAGE sql STABLE AS $body$
  SELECT date_trunc('second', statement_timestamp() AT TIME ZONE 'UTC')
$body$;
-- the start of the transaction
CREATE OR REPLACE FUNCTION ${systemSchema}.sysdate() RETURNS timestamp LANGUAGE sql STABLE AS $body$
  SELECT transaction_timestamp() AT TIME ZONE 'UTC'
$body$;
-- NULL when either is NULL; PostgreSQL's leaves NULL out
CREATE OR REPLACE FUNCTION ${systemSchema}.concat(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $body$ SELECT $1 || $2 $body$;
CREATE OR REPLACE FUNCTION ${systemSchema}.unit(part text) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
  SELECT CASE
    WHEN lower(part) IN ('year', 'years', 'yr', 'yrs', 'y') THEN 'year'
    WHEN lower(part) IN ('quarter', 'quarters', 'qtr', 'qtrs') THEN 'quarter'
    WHEN lower(part) IN ('month', 'months', 'mon', 'mons') THEN 'month'
    WHEN lower(part) IN ('week', 'weeks', 'w') THEN 'week'
    WHEN lower(part) IN ('day', 'days', 'd') THEN 'day'
    WHEN lower(part) IN ('hour', 'hours', 'hr', 'hrs', 'h') THEN 'hour'
    WHEN lower(part) IN ('minute', 'minutes', 'min', 'mins') THEN 'minute'
    WHEN lower(part) IN ('second', 'seconds', 'sec', 'secs', 's') THEN 'second'
    WHEN lower(part) IN ('millisecond', 'milliseconds', 'ms', 'msec', 'msecs') THEN 'millisecond'
    WHEN lower(part) IN ('microsecond', 'microseconds', 'usec', 'usecs', 'us') THEN 'microsecond'
  END
$body$;
CREATE OR REPLACE FUNCTION ${systemSchema}.require_unit(part text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $body$
BEGIN
  IF ${systemSchema}.unit(part) IS NULL THEN RAISE EXCEPTION 'date part "%" is not served', part; END IF;
  RETURN ${systemSchema}.unit(part);
END $body$;
-- each argument once, and no cast of text: so that it becomes a part of the query, which calls nothing for each row
CREATE OR REPLACE FUNCTION ${systemSchema}.dateadd(part text, amount bigint, value timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $body$
  SELECT value + amount * CASE ${systemSchema}.require_unit(part)
    WHEN 'year' THEN interval '1 year'
    WHEN 'quarter' THEN interval '3 months'
    WHEN 'month' THEN interval '1 month'
    WHEN 'week' THEN interval '1 week'
    WHEN 'day' THEN interval '1 day'
    WHEN 'hour' THEN interval '1 hour'
    WHEN 'minute' THEN interval '1 minute'
    WHEN 'second' THEN interval '1 second'
    WHEN 'millisecond' THEN interval '1 millisecond'
    WHEN 'microsecond' THEN interval '1 microsecond'
  END
$body$;
-- boundaries of the part between the two
CREATE OR REPLACE FUNCTION ${systemSchema}.datediff(part text, value timestamp, until timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE AS $body$
  SELECT CASE ${systemSchema}.require_unit(part)
    WHEN 'year' THEN extract(year FROM until) - extract(year FROM value)
    WHEN 'quarter' THEN 4 * (extract(year FROM until) - extract(year FROM value)) + extract(quarter FROM until) - extract(quarter FROM value)
    WHEN 'month' THEN 12 * (extract(year FROM until) - extract(year FROM value)) + extract(month FROM until) - extract(month FROM value)
    WHEN 'week' THEN ((until + interval '1 day')::date - extract(dow FROM until)::int - ((value + interval '1 day')::date - extract(dow FROM value)::int)) / 7
    WHEN 'day' THEN until::date - value::date
    WHEN 'hour' THEN extract(epoch FROM date_trunc('hour', until) - date_trunc('hour', value)) / 3600
    WHEN 'minute' THEN extract(epoch FROM date_trunc('minute', until) - date_trunc('minute', value)) / 60
    WHEN 'second' THEN extract(epoch FROM date_trunc('second', until) - date_trunc('second', value))
    WHEN 'millisecond' THEN 1000 * extract(epoch FROM date_trunc('milliseconds', until) - date_trunc('milliseconds', value))
    WHEN 'microsecond' THEN 1000000 * extract(epoch FROM until - value)
  END::bigint
$body$;
-- EXTRACT and DATE_PART: an integer for TIMESTAMP and DATE, a double for TIMESTAMPTZ
CREATE OR REPLACE FUNCTION ${systemSchema}.date_part(part text, value timestamp) RETURNS integer LANGUAGE sql IMMUTABLE AS $body$
  SELECT trunc(date_part(part, value))::integer
$body$;
CREATE OR REPLACE FUNCTION ${systemSchema}.date_part(part text, value timestamptz) RETURNS double precision LANGUAGE sql STABLE AS $body$
  SELECT pg_catalog.date_part(part, value)
$body$;
CREATE OR REPLACE FUNCTION ${systemSchema}.last_day(value timestamp) RETURNS date LANGUAGE sql IMMUTABLE AS $body$
  SELECT (date_trunc('month', value) + interval '1 month - 1 day')::date
$body$;
CREATE OR REPLACE FUNCTION ${systemSchema}.sha2(value text, bits integer) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
  SELECT encode(CASE bits WHEN 0 THEN sha256(convert_to(value, 'UTF8')) WHEN 224 THEN sha224(convert_to(value, 'UTF8')) WHEN 256 THEN sha256(convert_to(value, 'UTF8'))
    WHEN 384 THEN sha384(convert_to(value, 'UTF8')) WHEN 512 THEN sha512(convert_to(value, 'UTF8')) END, 'hex')
$body$;
-- rows of the last COPY of this session
CREATE OR REPLACE FUNCTION ${systemSchema}.pg_last_copy_count() RETURNS bigint LANGUAGE sql STABLE AS $body$
  SELECT coalesce(nullif(current_setting('redshift.last_copy_count', true), ''), '0')::bigint
$body$;

CREATE TABLE IF NOT EXISTS ${systemSchema}.load_errors (
  owner name NOT NULL,
  user_id integer, query_id bigint, transaction_id bigint, session_id integer, database_name varchar, table_id integer,
  start_time timestamp, file_name varchar, line_number bigint, column_name varchar, column_type varchar, column_length varchar,
  "position" integer, error_code integer, error_message varchar
);
-- users see their own rows, the admin (owner of the database) sees all
CREATE OR REPLACE VIEW ${systemSchema}.sys_load_error_detail AS
  SELECT user_id, query_id, transaction_id, session_id, database_name, table_id, start_time, file_name, line_number,
         column_name, column_type, column_length, "position", error_code, error_message
    FROM ${systemSchema}.load_errors
   WHERE owner = session_user
      OR session_user = (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database());
GRANT SELECT ON ${systemSchema}.sys_load_error_detail TO PUBLIC;

-- which database roles users hold; users are the roles with the comment that warehouse.ts gives them. Whoever creates a role
-- may grant it in PostgreSQL without holding it.
CREATE OR REPLACE VIEW ${systemSchema}.svv_user_grants AS
  SELECT u.oid::integer AS user_id, u.rolname::varchar AS user_name, r.oid::integer AS role_id, r.rolname::varchar AS role_name,
         m.admin_option
    FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member JOIN pg_roles r ON r.oid = m.roleid
   WHERE m.inherit_option AND shobj_description(u.oid, 'pg_authid') = 'user' AND coalesce(shobj_description(r.oid, 'pg_authid'), '') <> 'user'
     AND (u.rolname = session_user
          OR session_user = (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()));
GRANT SELECT ON ${systemSchema}.svv_user_grants TO PUBLIC;
`;
