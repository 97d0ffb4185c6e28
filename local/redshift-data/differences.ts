/** One place where Redshift is not PostgreSQL, or where this server is not Redshift. */
export interface Difference {
  what: string;
  /** What this server does about it. */
  here: string;
  how: 'as Redshift' | 'refused' | 'differs';
  /** Name, or part of the name, of the test under test/local/redshift-data that shows it. */
  test?: string;
}

/** What a reader has to know before trusting a green run; the documentation prints it. `differs` is what only AWS shows. */
export const differences: readonly Difference[] = [
  {
    what: 'primary, unique and foreign keys',
    here: 'accepted and not enforced; a primary key makes its columns NOT NULL; the referenced table has to exist',
    how: 'as Redshift',
    test: 'primary, unique and foreign keys are accepted and not enforced',
  },
  {
    what: 'DISTKEY, SORTKEY, DISTSTYLE, ENCODE, BACKUP',
    here: 'checked for their words, without effect',
    how: 'as Redshift',
    test: 'distribution, sort key, encoding and backup clauses are accepted',
  },
  {
    what: 'VARCHAR(n) and CHAR(n) count bytes; CHAR holds ASCII',
    here: 'CHECK constraints put on every table by an event trigger; casts cut on the edge of a character',
    how: 'as Redshift',
    test: 'VARCHAR(n) counts bytes',
  },
  {
    what: 'TEXT and VARCHAR are VARCHAR(256), NUMERIC is NUMERIC(18,0)',
    here: 'rewritten, in columns and in casts',
    how: 'as Redshift',
    test: 'TEXT and bare VARCHAR are VARCHAR(256)',
  },
  {
    what: 'IDENTITY(seed, step)',
    here: 'an identity column; the numbers are consecutive',
    how: 'as Redshift',
    test: 'IDENTITY(seed, step) counts',
  },
  {
    what: 'JSON, UUID, BYTEA, SERIAL, arrays, ENUM and other types PostgreSQL has',
    here: 'Column "t.c" has unsupported type',
    how: 'refused',
    test: 'a column of type %s is refused',
  },
  {
    what: 'ON CONFLICT, RETURNING, indexes, DISTINCT ON, LATERAL, FILTER, FOR UPDATE, triggers, generated columns, CHECK, …',
    here: 'kinds of statements, expressions, operators and functions are allow-lists; anything else is refused by name',
    how: 'refused',
    test: 'what Redshift has not is refused by name',
  },
  {
    what: 'UNLOAD, VACUUM, external schemas, materialized views, procedures, SUPER, groups, BEGIN and COMMIT, …',
    here: 'valid in Redshift, not served here',
    how: 'refused',
    test: 'what Redshift has and this server has not is refused by name',
  },
  {
    what: 'MERGE',
    here: 'no alias on the target, a table as source, exactly both WHEN clauses, no conditions',
    how: 'as Redshift',
    test: 'MERGE takes a table',
  },
  {
    what: 'TRUNCATE',
    here: 'commits what ran before it in the batch, and itself',
    how: 'as Redshift',
    test: 'TRUNCATE commits',
  },
  {
    what: 'a batch',
    here: 'one transaction, at most 40 statements of at most 100,000 bytes',
    how: 'as Redshift',
    test: 'a batch is one transaction',
  },
  {
    what: 'sessions',
    here: 'each call has its own; temporary tables and SET end with it',
    how: 'as Redshift',
    test: 'temporary tables live as long as the call',
  },
  {
    what: 'the right to make temporary tables',
    here: 'TEMP on the database; everybody has it through PUBLIC, until it is revoked',
    how: 'as Redshift',
    test: 'anybody may make temporary tables until PUBLIC may not',
  },
  {
    what: 'the schema public',
    here: 'everybody may make tables in it through PUBLIC, until it is revoked',
    how: 'as Redshift',
    test: 'anybody may make tables in the schema public until PUBLIC may not',
  },
  {
    what: 'isolation',
    here: 'snapshot (REPEATABLE READ), the default of new Redshift databases; a write on rows another transaction changed fails with 1023',
    how: 'as Redshift',
    test: 'the later one fails with 1023',
  },
  {
    what: 'writes into one table at a time',
    here: 'Redshift lets one writer at a time into a table; here two inserts or COPYs into one table run side by side unless LOCK says otherwise',
    how: 'differs',
  },
  {
    what: 'durability',
    here: 'no table is logged: what is in them lives as long as the run of the cluster',
    how: 'differs',
    test: 'tables are not logged',
  },
  { what: 'text order', here: 'by bytes (C.UTF-8)', how: 'as Redshift', test: 'text sorts by bytes' },
  { what: 'time zone', here: 'UTC', how: 'as Redshift', test: 'GETDATE, SYSDATE' },
  { what: 'CONCAT of NULL', here: 'NULL', how: 'as Redshift', test: 'GETDATE, SYSDATE' },
  {
    what: 'backslash in a plain literal',
    here: 'Redshift reads an escape, PostgreSQL does not',
    how: 'refused',
    test: 'what Redshift has not is refused by name',
  },
  {
    what: 'AVG of integers',
    here: 'Redshift cuts it to an integer; a cast is asked for',
    how: 'refused',
    test: 'what Redshift has and this server has not is refused by name',
  },
  {
    what: 'window aggregates with ORDER BY',
    here: 'need a frame clause',
    how: 'as Redshift',
    test: 'what Redshift has not is refused by name',
  },
  {
    what: 'SVV_USER_GRANTS',
    here: 'a view of the roles that users hold now; users see their own rows, the admin sees all',
    how: 'as Redshift',
    test: 'shows each user the roles that he holds',
  },
  {
    what: 'GRANT TO name, TO ROLE name',
    here: 'a bare name has to be a user, ROLE a role',
    how: 'as Redshift',
    test: 'a bare name is a user and ROLE a role',
  },
  {
    what: 'the admin',
    here: 'owner of the database and member of every IAM user, not a superuser; in Redshift a superuser',
    how: 'differs',
    test: 'the admin manages what a user owns',
  },
  {
    what: 'database roles by the tag RedshiftDbRoles, without tag:GetResources and tag:GetTagKeys',
    here: 'the statement is refused and names the action; in Redshift, where both are asked for too, the user is expected to hold no role, so that the first statement on a table fails',
    how: 'differs',
    test: 'whoever has database roles by tag cannot do without',
  },
  {
    what: 'roles of two workgroups',
    here: 'one PostgreSQL, so one set of names: workgroups share roles and need databases of different names',
    how: 'differs',
  },
  {
    what: 'COPY from S3',
    here: "CSV, GZIP, manifests, prefixes; empty text is '' and any other empty field NULL; decimals are cut unless ROUNDEC; one bad row fails it",
    how: 'as Redshift',
    test: 'an empty text field loads as',
  },
  {
    what: 'COPY: other formats and options',
    here: 'JSON, Parquet, ESCAPE, MAXERROR above 0, ACCEPTINVCHARS, TRUNCATECOLUMNS, …',
    how: 'refused',
    test: 'COPY options that are not served are refused by name',
  },
  {
    what: "DATEFORMAT and TIMEFORMAT 'auto'",
    here: 'ISO 8601 forms only; Redshift reads more',
    how: 'differs',
    test: 'dates and times',
  },
  {
    what: 'STL_LOAD_ERRORS',
    here: 'refused; SYS_LOAD_ERROR_DETAIL is a real table',
    how: 'refused',
    test: 'says which file, line and column',
  },
  {
    what: 'columns computed by CREATE TABLE AS',
    here: 'have no width here, in Redshift that of the expression',
    how: 'differs',
  },
  {
    what: 'scale of a DECIMAL division',
    here: 'as PostgreSQL computes it: cast the quotient',
    how: 'differs',
  },
  {
    what: 'ClientToken',
    here: 'remembered 8 hours, until the server ends',
    how: 'as Redshift',
    test: 'the same ClientToken runs once',
  },
  {
    what: 'sessions by SessionId, WithEvent, ResultFormat CSV, AUTO_COMMIT',
    here: 'a ValidationException that names the member',
    how: 'refused',
    test: 'members that are not served are refused by name',
  },
];
