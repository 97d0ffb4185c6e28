import { parseSync } from 'libpg-query';
import { deparseSync } from 'pgsql-parser';
import { type CopyStatement, parseCopy } from './copy-statement.ts';
import { createTableEdits, isCreateTable } from './create-table.ts';
import * as definitions from './definitions.ts';
import { type Node, relation, systemSchema, transform } from './expressions.ts';
import { bindParameters, type SqlParameter } from './parameters.ts';
import { notInRedshift, notServed, SqlError } from './sql-error.ts';
import { afterFirstWord, applyEdits, type Edit, quoteIdentifier, type Token, tokenize } from './tokens.ts';

/** Something that has to exist before the statement runs, with the error Redshift gives when it does not. */
export type Requirement =
  | { kind: 'table'; schema?: string; name: string }
  | { kind: 'user' | 'role' | 'group'; name: string };

/** What the session does for one statement. */
export type Plan =
  | {
      kind: 'sql';
      sql: string;
      /** Values of $1, $2, …; each a string that PostgreSQL types by context. */
      values: string[];
      requires: Requirement[];
      /** Runs after the statement, same transaction. */
      after?: string;
      /** TRUNCATE: commits everything so far, and itself. */
      commits: boolean;
      /** Redshift refuses it inside a transaction block, so also in a batch of more than one. */
      alone: boolean;
    }
  | { kind: 'copy'; copy: CopyStatement };

/** Statements Redshift has that do not parse as PostgreSQL, or mean something else there. */
const unserved: Record<string, string> = {
  unload: 'UNLOAD',
  vacuum: 'VACUUM',
  explain: 'EXPLAIN',
  show: 'SHOW',
  call: 'CALL',
  cancel: 'CANCEL',
  use: 'USE',
  desc: 'DESC',
  attach: 'ATTACH',
  begin: 'BEGIN (send the statements as one BatchExecuteStatement)',
  start: 'START TRANSACTION (send the statements as one BatchExecuteStatement)',
  commit: 'COMMIT (a batch commits at its end)',
  end: 'END (a batch commits at its end)',
  rollback: 'ROLLBACK (a batch rolls back when a statement fails)',
  abort: 'ABORT',
  prepare: 'PREPARE',
  execute: 'EXECUTE',
  deallocate: 'DEALLOCATE',
  declare: 'DECLARE',
  fetch: 'FETCH',
  close: 'CLOSE',
};

const unservedObjects = new Set(
  'external materialized procedure function library model datashare masking rls database identity template aggregate'.split(
    ' ',
  ),
);

/**
 * One statement of Redshift's SQL as something PostgreSQL can run with the same meaning.
 * Throws SqlError when Redshift, or this server, has no such thing: statement kinds are an allow-list.
 * `usedParameters` gathers the names it refers to; a name without a value is an error.
 */
export function translate(
  sql: string,
  parameters: readonly SqlParameter[],
  usedParameters: Set<string>,
): Plan {
  const tokens = tokenize(sql);
  const first = tokens[0]?.word ?? '';
  const unservedName = unserved[first];
  if (unservedName) throw notServed(unservedName);
  if (first === 'copy') {
    if (parameters.length > 0 && bindParameters(tokens, parameters).used.size > 0)
      throw notInRedshift('a parameter in COPY');
    return { kind: 'copy', copy: parseCopy(tokens) };
  }
  refuseByWords(tokens);
  const { edits, bound, used, unknown } = bindParameters(tokens, parameters);
  if (unknown.length > 0) throw new SqlError(`Cannot find parameter: ${unknown[0]}`);
  for (const name of used) usedParameters.add(name);
  const requires: Requirement[] = [];
  if (isCreateTable(tokens)) edits.push(...createTableEdits(tokens));
  edits.push(...granteeEdits(tokens, requires), ...passwordEdits(tokens));
  const text = applyEdits(sql, edits);
  const tree = parse(text);
  const plan: Extract<Plan, { kind: 'sql' }> = {
    kind: 'sql',
    sql: '',
    values: bound,
    requires,
    commits: false,
    alone: false,
  };
  const statement = statementOf(tree.stmts?.[0]?.stmt ?? {}, plan);
  const dataStatements = [
    'SelectStmt',
    'InsertStmt',
    'UpdateStmt',
    'DeleteStmt',
    'MergeStmt',
    'CreateTableAsStmt',
  ];
  if (bound.length > 0 && !dataStatements.includes(Object.keys(statement)[0] ?? '')) {
    throw notInRedshift(
      'a parameter in a statement other than SELECT, INSERT, UPDATE, DELETE, MERGE or CREATE TABLE AS',
    );
  }
  plan.sql = asText(statement, tree.stmts?.[0]?.stmt ?? {}, text);
  const made = statement.CreateStmt?.relation ?? statement.CreateTableAsStmt?.into.rel;
  // The cluster does not outlive its run, so nothing is written to recover a table: its settings say so too.
  if (made?.relpersistence === 'p') plan.sql = afterFirstWord(plan.sql, ' UNLOGGED');
  return plan;
}

function parse(sql: string): Node {
  try {
    return parseSync(sql);
  } catch (error) {
    throw new SqlError((error as Error).message);
  }
}

/**
 * The statement as text: what was sent where nothing changed, else written from the tree. The written text is parsed
 * again and has to give the same tree: a mistake of the writer must not run as another statement.
 */
function asText(statement: Node, original: Node, text: string): string {
  if (sameTree(statement, original)) return text;
  const written = deparseSync({ version: 180000, stmts: [{ stmt: statement }] } as Parameters<
    typeof deparseSync
  >[0]);
  if (!sameTree(parse(written).stmts?.[0]?.stmt, statement))
    throw notServed(`this statement (it would be rewritten as ${written})`);
  return written;
}

/** Where a node stood in the text, and how a function was written. */
const ofTheSpelling = new Set([
  'location',
  'list_start',
  'list_end',
  'rexpr_list_start',
  'rexpr_list_end',
  'funcformat',
]);

/** Whether two trees are one statement, whatever positions they have and in which of two spellings of one thing. */
function sameTree(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one) || Array.isArray(other))
    return (
      Array.isArray(one) &&
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((item, index) => sameTree(item, other[index]))
    );
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  for (const key in one) if (!sameTree(partOf(one, key), partOf(other, key))) return false;
  for (const key in other) if (!(key in one) && partOf(other, key) !== undefined) return false;
  return true;
}

/** What a key says; undefined where that is the same as not to have it. */
function partOf(tree: Node, key: string): unknown {
  const value = tree[key];
  if (value === false || ofTheSpelling.has(key) || (Array.isArray(value) && value.length === 0))
    return undefined;
  // pg_catalog is in front of every search path: int4 and pg_catalog.int4 are one type.
  const isName = (key === 'names' || key === 'funcname') && Array.isArray(value);
  return isName && value[0]?.String?.sval === 'pg_catalog' ? value.slice(1) : value;
}

function refuseByWords(tokens: Token[]): void {
  const words = tokens.slice(0, 5).map((token) => token.word);
  const object = words[1] === 'or' && words[2] === 'replace' ? words[3] : words[1];
  if (['create', 'alter', 'drop'].includes(words[0] ?? '') && unservedObjects.has(object ?? '')) {
    throw notServed(`${words[0]?.toUpperCase()} ${object?.toUpperCase()}`);
  }
  if (words[0] === 'alter' && tokens.some((token) => token.word === 'append' && token.depth === 0))
    throw notServed('ALTER TABLE APPEND');
  if (
    words[0] === 'alter' &&
    tokens.some((token) => ['distkey', 'diststyle', 'sortkey', 'encode'].includes(token.word))
  ) {
    throw notServed('ALTER TABLE of distribution, sort key or encoding');
  }
  if (words[0] === 'analyze' && tokens.some((token) => token.word === 'compression'))
    throw notServed('ANALYZE COMPRESSION');
  if (words[0] === 'merge' && words.includes('into') && tokens.some((token) => token.word === 'remove'))
    throw notServed('MERGE ... REMOVE DUPLICATES');
  if (
    words[0] === 'create' &&
    words.includes('view') &&
    tokens.some((token, index) => token.word === 'no' && tokens[index + 1]?.word === 'schema')
  ) {
    throw notServed('CREATE VIEW ... WITH NO SCHEMA BINDING');
  }
}

/**
 * GRANT and REVOKE name what they mean in Redshift: a bare name is a user, ROLE r a role, GROUP g a group; PostgreSQL
 * has only roles. The words are cut, and what was meant is checked before the statement runs.
 */
function granteeEdits(tokens: Token[], requires: Requirement[]): Edit[] {
  const first = tokens[0]?.word ?? '';
  if (!['grant', 'revoke', 'alter'].includes(first)) return [];
  if (first === 'alter' && tokens[1]?.word !== 'default') return [];
  const edits: Edit[] = [];
  const cutAt = (at: number) => {
    const token = tokens[at];
    if (token) edits.push({ start: token.start, end: token.end, text: '' });
  };
  const target = lastIndex(tokens, (token) => token.word === 'to' || token.word === 'from');
  const from = tokens.findIndex((token) => token.word === 'grant' || token.word === 'revoke');
  const granted = tokens[from + 1]?.word === 'role' ? from + 1 : adminOptionRole(tokens, from);
  if (granted > 0) {
    for (let at = granted; at < target; at++) {
      if (tokens[at]?.word === 'role') cutAt(at);
      else if (tokens[at]?.name) requires.push({ kind: 'role', name: tokens[at]?.name ?? '' });
    }
  }
  for (let at = target + 1; at > 0 && at < tokens.length; at++) {
    const { word } = tokens[at] as Token;
    if (['with', 'cascade', 'restrict'].includes(word)) break;
    if (tokens[at]?.text === ',' || word === 'public') continue;
    const kind = word === 'role' || word === 'group' ? word : 'user';
    if (kind === 'group') throw notServed('GROUP (grant to a role instead)');
    if (kind === 'role') cutAt(at++);
    const name = tokens[at]?.name;
    if (!name) throw new SqlError(`syntax error at or near "${tokens[at]?.text ?? 'end of input'}"`);
    requires.push({ kind, name });
  }
  return edits;
}

/** REVOKE ADMIN OPTION FOR ROLE r FROM …: index of ROLE, or -1. */
function adminOptionRole(tokens: Token[], from: number): number {
  const at = from + 4;
  return tokens[from + 1]?.word === 'admin' && tokens[at]?.word === 'role' ? at : -1;
}

function lastIndex(tokens: Token[], matches: (token: Token) => boolean): number {
  for (let at = tokens.length - 1; at >= 0; at--) if (matches(tokens[at] as Token)) return at;
  return -1;
}

/** CREATE USER name PASSWORD DISABLE makes a user that only IAM can log in: the one form served. */
function passwordEdits(tokens: Token[]): Edit[] {
  if (tokens[0]?.word !== 'create' || tokens[1]?.word !== 'user') return [];
  const at = tokens.findIndex((token) => token.word === 'password');
  const start = tokens[at - 1]?.word === 'with' ? tokens[at - 1] : tokens[at];
  const end = tokens[at + 1];
  if (at < 0 || end?.word !== 'disable' || !start) throw notServed('CREATE USER with a password');
  return [{ start: start.start, end: end.end, text: '' }];
}

function statementOf(node: Node, plan: Extract<Plan, { kind: 'sql' }>): Node {
  const tag = Object.keys(node)[0] ?? '';
  const body = node[tag];
  switch (tag) {
    case 'SelectStmt':
      if (body.valuesLists) throw notInRedshift('VALUES as a statement');
      return transform(node);
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      return transform(node);
    case 'CreateStmt': {
      const references: definitions.ReferencedTable[] = [];
      const out = definitions.createTable(body, references);
      plan.requires.push(...references.map((reference) => ({ kind: 'table' as const, ...reference })));
      return { CreateStmt: out };
    }
    case 'CreateTableAsStmt':
      return { CreateTableAsStmt: definitions.createTableAs(body) };
    case 'AlterTableStmt': {
      const { node: out, alone } = definitions.alterTable(body);
      plan.alone = alone;
      return { AlterTableStmt: out };
    }
    case 'RenameStmt': {
      const kinds = ['OBJECT_TABLE', 'OBJECT_COLUMN', 'OBJECT_SCHEMA', 'OBJECT_VIEW'];
      if (!kinds.includes(body.renameType))
        throw notInRedshift(`renaming ${String(body.renameType).replace('OBJECT_', '').toLowerCase()}`);
      if (body.missing_ok) throw notInRedshift('ALTER ... IF EXISTS');
      return node;
    }
    case 'AlterOwnerStmt':
      if (body.objectType !== 'OBJECT_SCHEMA') throw notServed('this ALTER ... OWNER');
      return node;
    case 'ViewStmt':
      return { ViewStmt: definitions.createView(body) };
    case 'CreateSchemaStmt':
      if (body.schemaElts) throw notServed('CREATE SCHEMA with elements');
      if (body.schemaname === systemSchema)
        throw new SqlError(`schema name "${systemSchema}" is reserved here`);
      return node;
    case 'DropStmt':
      return { DropStmt: definitions.drop(body) };
    case 'TruncateStmt':
      if (body.relations.length > 1 || body.restart_seqs || body.behavior === 'DROP_CASCADE') {
        throw notInRedshift('TRUNCATE of more than one table, or with options');
      }
      plan.commits = true;
      return { TruncateStmt: { ...body, relations: transform(body.relations) } };
    case 'LockStmt':
      if (body.mode !== accessExclusive || body.nowait) throw notInRedshift('a mode on LOCK');
      return { LockStmt: { ...body, relations: transform(body.relations) } };
    case 'GrantStmt':
      return { GrantStmt: definitions.grant(body) };
    case 'GrantRoleStmt':
      return node;
    case 'AlterDefaultPrivilegesStmt':
      return node;
    case 'CreateRoleStmt':
      return createRole(body, plan);
    case 'DropRoleStmt':
      return node;
    case 'CommentStmt':
      if (!['OBJECT_TABLE', 'OBJECT_COLUMN', 'OBJECT_SCHEMA', 'OBJECT_VIEW'].includes(body.objtype))
        throw notServed('this COMMENT');
      return node;
    case 'VacuumStmt':
      return analyze(node, body);
    case 'VariableSetStmt':
      if (
        !settings.has(body.name) ||
        !['VAR_SET_VALUE', 'VAR_SET_DEFAULT', 'VAR_RESET'].includes(body.kind)
      ) {
        throw notServed(`SET ${String(body.name ?? 'of this').toLowerCase()}`);
      }
      return node;
    case 'IndexStmt':
      throw new SqlError('SQL command "create index" not supported on Redshift tables.');
    default:
      throw notInRedshift(statementTitle(tag));
  }
}

/** AccessExclusiveLock, the mode LOCK takes without a mode. */
const accessExclusive = 8;
/** Session settings that mean the same in both. */
const settings = new Set(['search_path', 'statement_timeout', 'timezone']);

function createRole(body: Node, plan: Extract<Plan, { kind: 'sql' }>): Node {
  if (body.options?.length) throw notServed('an option on CREATE ROLE or CREATE USER');
  if (body.stmt_type === 'ROLESTMT_GROUP') throw notServed('CREATE GROUP (create a role instead)');
  if (body.stmt_type === 'ROLESTMT_USER')
    plan.after = `COMMENT ON ROLE ${quoteIdentifier(body.role)} IS 'user'`;
  return { CreateRoleStmt: { stmt_type: 'ROLESTMT_ROLE', role: body.role } };
}

function analyze(node: Node, body: Node): Node {
  if (body.is_vacuumcmd) throw notServed('VACUUM');
  if (body.options?.length) throw notServed('an option on ANALYZE');
  if (!body.rels?.length) throw notServed('ANALYZE without a table');
  return {
    VacuumStmt: {
      ...node.VacuumStmt,
      rels: body.rels.map((item: Node) => ({
        VacuumRelation: { ...item.VacuumRelation, relation: relation(item.VacuumRelation.relation) },
      })),
    },
  };
}

/** CreateTrigStmt -> CREATE TRIG: near enough to say which statement is meant. */
function statementTitle(tag: string): string {
  const known: Record<string, string> = {
    CreateTrigStmt: 'CREATE TRIGGER',
    CreateEnumStmt: 'CREATE TYPE ... AS ENUM',
    CompositeTypeStmt: 'CREATE TYPE',
    CreateDomainStmt: 'CREATE DOMAIN',
    CreateSeqStmt: 'CREATE SEQUENCE',
    CreateExtensionStmt: 'CREATE EXTENSION',
    RuleStmt: 'CREATE RULE',
    DoStmt: 'DO',
    CopyStmt: 'COPY in PostgreSQL form',
    AlterRoleStmt: 'ALTER USER or ALTER ROLE',
    VariableShowStmt: 'SHOW',
  };
  return (
    known[tag] ??
    tag
      .replace(/Stmt$/, '')
      .replace(/([a-z])([A-Z])/g, '$1 $2')
      .toUpperCase()
  );
}
