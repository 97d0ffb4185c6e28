import { needsFrame, own, shared, synonyms, takesDatePart } from './functions.ts';
import { notInRedshift, notServed, SqlError } from './sql-error.ts';
import { normalizeType, type TypeNameNode } from './types.ts';

/**
 * Gives queries and expressions their Redshift meaning. The input is PostgreSQL's parse tree
 * (libpg_query: every node is `{Kind: {...}}`, typed fields hold the bare struct); the output is a tree that
 * PostgreSQL runs with Redshift's meaning. Node kinds are an allow-list: what is not named here is refused by name.
 */

// biome-ignore lint/suspicious/noExplicitAny: parse trees are open JSON; every access below is guarded by its kind.
export type Node = any;

/** Schema that holds Redshift's functions and system tables; see `system-schema.ts`. */
export const systemSchema = 'redshift_system';

const allowed = new Set(
  `SelectStmt InsertStmt UpdateStmt DeleteStmt MergeStmt MergeWhenClause CommonTableExpr WithClause ResTarget ColumnRef A_Star A_Const
   A_Expr BoolExpr NullTest BooleanTest CaseExpr CaseWhen CoalesceExpr MinMaxExpr FuncCall TypeCast SubLink SortBy
   RangeVar RangeSubselect JoinExpr List String Integer Float Boolean ParamRef WindowDef RowExpr SetToDefault
   SQLValueFunction GroupingSet GroupingFunc`.split(/\s+/),
);

/** How a refused node kind is called in the error. */
const titles: Record<string, string> = {
  A_ArrayExpr: 'an array',
  A_Indirection: 'a subscript or field selection',
  A_Indices: 'an array subscript',
  CollateClause: 'COLLATE in an expression',
  LockingClause: 'SELECT ... FOR UPDATE',
  MultiAssignRef: 'UPDATE ... SET (columns) = (...)',
  NamedArgExpr: 'a named argument',
  RangeFunction: 'a function in FROM',
  RangeTableSample: 'TABLESAMPLE',
  IntoClause: 'SELECT INTO',
  OnConflictClause: 'ON CONFLICT',
  ReturningClause: 'RETURNING',
  XmlExpr: 'XML',
  CurrentOfExpr: 'WHERE CURRENT OF',
};

const operators = new Set([
  '+',
  '-',
  '*',
  '/',
  '%',
  '^',
  '=',
  '<>',
  '<',
  '>',
  '<=',
  '>=',
  '||',
  '~',
  '!~',
  '&',
  '|',
  '#',
  '<<',
  '>>',
  '@',
  '|/',
  '||/',
]);
const expressionKinds = new Set([
  'AEXPR_OP',
  'AEXPR_NULLIF',
  'AEXPR_IN',
  'AEXPR_LIKE',
  'AEXPR_ILIKE',
  'AEXPR_SIMILAR',
  'AEXPR_BETWEEN',
  'AEXPR_NOT_BETWEEN',
]);
const valueFunctions = new Set([
  'SVFOP_CURRENT_DATE',
  'SVFOP_CURRENT_TIMESTAMP',
  'SVFOP_CURRENT_USER',
  'SVFOP_USER',
  'SVFOP_SESSION_USER',
]);

const names = (list: Node[] | undefined): string[] => (list ?? []).map((item) => item.String?.sval ?? '');
const text = (sval: string): Node => ({ A_Const: { sval: { sval } } });
const string = (sval: string): Node => ({ String: { sval } });

function isTag(key: string): boolean {
  return key.charCodeAt(0) < 91;
}

/** The tree with Redshift's meaning. Throws SqlError for what Redshift, or this server, has not. */
export function transform(value: Node): Node {
  if (Array.isArray(value)) return value.map(transform);
  if (value === null || typeof value !== 'object') return value;
  const keys = Object.keys(value);
  const tag = keys[0];
  if (keys.length === 1 && tag && isTag(tag)) return transformNode(tag, value[tag]);
  return transformFields(value);
}

function transformFields(fields: Node): Node {
  const out: Node = {};
  for (const key of Object.keys(fields)) {
    // Fields that PostgreSQL types hold their struct without its kind.
    if (key === 'typeName') out[key] = normalizeType(fields[key] as TypeNameNode, { cast: true });
    else if (key === 'relation' && fields[key].relname) out[key] = relation(fields[key]);
    else if ((key === 'larg' || key === 'rarg') && fields[key].op) out[key] = select(fields[key]);
    else if (key === 'onConflictClause')
      throw notInRedshift('ON CONFLICT', 'use MERGE, or DELETE and INSERT in one batch');
    else if (key === 'returningClause' || key === 'returningList') throw notInRedshift('RETURNING');
    else if (key === 'intoClause') throw notServed('SELECT INTO');
    else if (key === 'collClause') throw notInRedshift('COLLATE in an expression');
    else out[key] = transform(fields[key]);
  }
  return out;
}

function transformNode(tag: string, node: Node): Node {
  if (!allowed.has(tag)) throw notInRedshift(titles[tag] ?? (tag.startsWith('Json') ? 'JSON' : tag));
  switch (tag) {
    case 'SelectStmt':
      return { SelectStmt: select(node) };
    case 'InsertStmt':
      return { InsertStmt: insert(node) };
    case 'UpdateStmt':
      return { UpdateStmt: transformFields(node) };
    case 'DeleteStmt':
      if (node.relation.alias) throw notInRedshift('an alias on the target of DELETE', 'name the table');
      return { DeleteStmt: transformFields(node) };
    case 'MergeStmt':
      return { MergeStmt: merge(node) };
    case 'CommonTableExpr':
      if (node.ctematerialized !== 'CTEMaterializeDefault')
        throw notInRedshift('MATERIALIZED on a common table expression');
      if (!node.ctequery?.SelectStmt) throw notInRedshift('a data-modifying common table expression');
      return { CommonTableExpr: transformFields(node) };
    case 'RangeVar':
      return { RangeVar: relation(node) };
    case 'RangeSubselect':
      if (node.lateral) throw notInRedshift('LATERAL');
      if (node.subquery?.SelectStmt?.valuesLists)
        throw notInRedshift('VALUES in FROM', 'use SELECT ... UNION ALL');
      return { RangeSubselect: transformFields(node) };
    case 'A_Expr':
      return { A_Expr: operator(node) };
    case 'A_Const':
      if (node.bsval) throw notInRedshift('a bit string');
      return { A_Const: node };
    case 'ColumnRef':
      return columnReference(node);
    case 'FuncCall':
      return call(node);
    case 'TypeCast':
      return cast(node);
    case 'SubLink':
      if (node.subLinkType === 'ARRAY_SUBLINK') throw notInRedshift('an array');
      return { SubLink: transformFields(node) };
    case 'RowExpr':
      if (node.row_format !== 'COERCE_IMPLICIT_CAST') throw notInRedshift('ROW(...)');
      return { RowExpr: transformFields(node) };
    case 'SQLValueFunction':
      if (!valueFunctions.has(node.op)) throw notInRedshift(String(node.op).replace('SVFOP_', ''));
      return { SQLValueFunction: node };
    case 'WindowDef':
      return { WindowDef: windowDefinition(node) };
    default:
      return { [tag]: transformFields(node) };
  }
}

function select(node: Node): Node {
  // DISTINCT is a list of one empty node; DISTINCT ON names expressions.
  if (node.distinctClause?.some((item: Node) => Object.keys(item).length > 0)) {
    throw notInRedshift('DISTINCT ON', 'use ROW_NUMBER()');
  }
  if (node.lockingClause) throw notInRedshift('SELECT ... FOR UPDATE', 'use LOCK');
  if (node.limitOption === 'LIMIT_OPTION_WITH_TIES') throw notInRedshift('FETCH ... WITH TIES');
  if (node.groupDistinct) throw notInRedshift('GROUP BY DISTINCT');
  return transformFields(node);
}

function insert(node: Node): Node {
  if (node.withClause) throw notInRedshift('WITH before INSERT', 'write INSERT INTO ... WITH ... SELECT');
  if (node.override && node.override !== 'OVERRIDING_NOT_SET') throw notInRedshift('OVERRIDING');
  if (node.relation.alias) throw notInRedshift('an alias on the target of INSERT');
  return transformFields(node);
}

/** Redshift Developer Guide, MERGE: no alias on the target, a table as source, exactly both WHEN clauses, no conditions on them. */
function merge(node: Node): Node {
  if (node.relation.alias) throw notInRedshift('an alias on the target of MERGE');
  if (node.withClause) throw notInRedshift('WITH before MERGE');
  if (!node.sourceRelation?.RangeVar)
    throw notInRedshift('a query as source of MERGE', 'stage it in a table');
  const clauses = node.mergeWhenClauses.map((item: Node) => item.MergeWhenClause);
  const matched = clauses.filter((clause: Node) => clause.matchKind === 'MERGE_WHEN_MATCHED');
  const missing = clauses.filter((clause: Node) => clause.matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_TARGET');
  if (clauses.length !== 2 || matched.length !== 1 || missing.length !== 1) {
    throw notInRedshift('MERGE without exactly one WHEN MATCHED and one WHEN NOT MATCHED clause');
  }
  if (clauses.some((clause: Node) => clause.condition))
    throw notInRedshift('WHEN MATCHED AND condition in MERGE');
  if (
    !['CMD_UPDATE', 'CMD_DELETE'].includes(matched[0].commandType) ||
    missing[0].commandType !== 'CMD_INSERT'
  ) {
    throw notInRedshift('DO NOTHING in MERGE');
  }
  const [target, source] = [node.relation, node.sourceRelation.RangeVar];
  if (target.relname === source.relname && target.schemaname === source.schemaname) {
    throw notInRedshift('MERGE with the target as its own source');
  }
  return transformFields(node);
}

const catalogueTables = new Set(['pg_namespace', 'pg_tables', 'pg_views']);
const systemTables = new Set(['sys_load_error_detail', 'svv_user_grants']);
const systemName = /^(sys|stl|stv|svl|svv|svcs)_/;

/** A table reference: no other database, no PostgreSQL catalogue that Redshift lacks; system tables get their schema. */
export function relation(node: Node): Node {
  if (node.catalogname) throw notServed('a name with a database in front');
  const { schemaname: schema, relname: name } = node;
  if (node.inh === false) throw notInRedshift('ONLY');
  if (schema === systemSchema) throw new SqlError(`schema "${schema}" does not exist`);
  if (!schema || schema === 'pg_catalog') {
    if (systemTables.has(name)) return { ...node, schemaname: systemSchema };
    if (systemName.test(name) && schema === 'pg_catalog') throw notServed(`system table ${name}`);
    if (!schema && systemName.test(name)) throw notServed(`system table ${name}`);
    if ((schema === 'pg_catalog' || name.startsWith('pg_')) && !catalogueTables.has(name))
      throw notServed(`catalogue table ${name}`);
  }
  return node;
}

function operator(node: Node): Node {
  if (!expressionKinds.has(node.kind)) {
    const title: Record<string, string> = {
      AEXPR_DISTINCT: 'IS DISTINCT FROM',
      AEXPR_NOT_DISTINCT: 'IS NOT DISTINCT FROM',
      AEXPR_OP_ANY: '= ANY (array)',
      AEXPR_OP_ALL: '= ALL (array)',
      AEXPR_BETWEEN_SYM: 'BETWEEN SYMMETRIC',
      AEXPR_NOT_BETWEEN_SYM: 'BETWEEN SYMMETRIC',
    };
    throw notInRedshift(title[node.kind] ?? node.kind);
  }
  const name = names(node.name).join('.');
  if (node.kind === 'AEXPR_OP' && !operators.has(name)) throw notInRedshift(`operator ${name}`);
  return transformFields(node);
}

function columnReference(node: Node): Node {
  const fields = node.fields as Node[];
  // SYSDATE is a function without parentheses; to PostgreSQL it looks like a column.
  if (fields.length === 1 && fields[0].String?.sval === 'sysdate') return systemCall('sysdate', []);
  return { ColumnRef: node };
}

function systemCall(name: string, args: Node[]): Node {
  return {
    FuncCall: { funcname: [string(systemSchema), string(name)], args, funcformat: 'COERCE_EXPLICIT_CALL' },
  };
}

function windowDefinition(node: Node): Node {
  return transformFields(node);
}

const frameGiven = 0x1;

function call(node: Node): Node {
  const path = names(node.funcname);
  const name = path.at(-1) ?? '';
  if (path.length > 2 || (path.length === 2 && path[0] !== 'pg_catalog'))
    throw notServed(`user-defined function ${path.join('.')}`);
  if (node.agg_filter) throw notInRedshift('FILTER (WHERE ...)', 'use CASE inside the aggregate');
  if (node.func_variadic) throw notInRedshift('VARIADIC');
  if (node.over?.orderClause && needsFrame.has(name) && !((node.over.frameOptions ?? 0) & frameGiven)) {
    throw new SqlError('Aggregate window functions with an ORDER BY clause require a frame clause');
  }
  const args = (node.args ?? []) as Node[];
  if (name === 'listagg') return listagg(node);
  if (node.agg_order || node.agg_within_group) throw notInRedshift(`ORDER BY inside ${name}`);
  if (name === 'nvl') return { CoalesceExpr: { args: transform(args) } };
  if (name === 'nvl2' && args.length === 3) return nvl2(args);
  if (name === 'extract') return systemCall('date_part', transform(args));
  if (name === 'avg') refuseIntegerAverage(args[0]);
  const withPart = takesDatePart.has(name) ? [datePart(args[0]), ...args.slice(1)] : args;
  if (own.has(name)) return systemCall(name, transform(withPart));
  const target = synonyms[name] ?? name;
  if (!shared.has(target))
    throw new SqlError(`function ${name}() does not exist in Redshift or is not served here`);
  const over = node.over ? { over: windowDefinition(node.over) } : {};
  return {
    FuncCall: {
      ...node,
      ...over,
      funcname: [string('pg_catalog'), string(target)],
      ...(node.args ? { args: transform(args) } : {}),
    },
  };
}

/** AVG of an integer column is cut to an integer by Redshift and is a fraction in PostgreSQL: only a cast makes them equal. */
function refuseIntegerAverage(argument: Node): void {
  const type = names(argument?.TypeCast?.typeName?.names).at(-1) ?? '';
  if (!['numeric', 'float4', 'float8'].includes(type)) {
    throw notServed(
      'AVG without a cast of its argument to DECIMAL, REAL or DOUBLE PRECISION (Redshift truncates the average of integers)',
    );
  }
}

/** DATEADD(day, …): the part is a bare word, which PostgreSQL parses as a column. */
function datePart(argument: Node): Node {
  const word = argument?.ColumnRef?.fields?.[0]?.String?.sval;
  return word && argument.ColumnRef.fields.length === 1 ? text(word) : argument;
}

function nvl2(args: Node[]): Node {
  const [test, present, absent] = transform(args);
  return {
    CaseExpr: {
      args: [
        { CaseWhen: { expr: { NullTest: { arg: test, nulltesttype: 'IS_NOT_NULL' } }, result: present } },
      ],
      defresult: absent,
    },
  };
}

/** LISTAGG(x, ',') WITHIN GROUP (ORDER BY y) is string_agg(x, ',' ORDER BY y). */
function listagg(node: Node): Node {
  if (node.over) throw notServed('LISTAGG as a window function');
  const args = transform(node.args ?? []) as Node[];
  return {
    FuncCall: {
      ...node,
      funcname: [string('pg_catalog'), string('string_agg')],
      args: args.length === 1 ? [...args, text('')] : args,
      agg_within_group: false,
      ...(node.agg_order ? { agg_order: transform(node.agg_order) } : {}),
    },
  };
}

/** A cast to VARCHAR(n) keeps the first n bytes, on a character's edge, where PostgreSQL would keep n characters. */
function cast(node: Node): Node {
  const typeName = normalizeType(node.typeName, { cast: true });
  const arg = transform(node.arg);
  const type = names(typeName.names).at(-1);
  if (type !== 'varchar') return { TypeCast: { ...node, arg, typeName } };
  const width = typeName.typmods?.[0]?.A_Const?.ival?.ival ?? 256;
  const asText = {
    TypeCast: { arg, typeName: { names: [string('pg_catalog'), string('text')], typemod: -1 } },
  };
  return {
    TypeCast: {
      arg: systemCall('varchar_bytes', [asText, { A_Const: { ival: { ival: width } } }]),
      typeName,
    },
  };
}
