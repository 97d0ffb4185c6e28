import { type Node, relation, transform } from './expressions.ts';
import { notInRedshift, notServed, SqlError } from './sql-error.ts';
import { normalizeType } from './types.ts';

/** DDL and permissions on the parse tree: what Redshift accepts, with Redshift's meaning. */

/** A table that a dropped FOREIGN KEY names: Redshift refuses the statement when it does not exist. */
export interface ReferencedTable {
  schema?: string;
  name: string;
}

const constraintTitles: Record<string, string> = {
  CONSTR_CHECK: 'CHECK',
  CONSTR_GENERATED: 'a generated column',
  CONSTR_EXCLUSION: 'EXCLUDE',
};

/** CREATE TABLE: keys go (Redshift does not enforce them), NOT NULL stays, and a primary key's columns become NOT NULL. */
export function createTable(node: Node, references: ReferencedTable[]): Node {
  if (node.inhRelations) throw notInRedshift('INHERITS');
  if (node.partspec || node.partbound) throw notInRedshift('PARTITION BY');
  if (node.ofTypename) throw notInRedshift('CREATE TABLE OF');
  if (node.options) throw notInRedshift('WITH (storage parameters)');
  if (node.tablespacename) throw notInRedshift('TABLESPACE');
  if (node.accessMethod) throw notInRedshift('USING');
  if (node.oncommit !== 'ONCOMMIT_NOOP') throw notInRedshift('ON COMMIT');
  if (node.relation.relpersistence === 'u') throw notInRedshift('UNLOGGED');
  const notNull = new Set<string>();
  const elements: Node[] = [];
  for (const element of node.tableElts ?? []) {
    if (element.Constraint) {
      for (const key of droppedKey(element.Constraint, references)) notNull.add(key);
    } else if (element.TableLikeClause) {
      const options = element.TableLikeClause.options ?? 0;
      if (options !== 0 && options !== likeDefaults)
        throw notInRedshift('LIKE with anything but INCLUDING or EXCLUDING DEFAULTS');
      elements.push({
        TableLikeClause: { ...element.TableLikeClause, relation: relation(element.TableLikeClause.relation) },
      });
    } else if (element.ColumnDef) {
      elements.push({ ColumnDef: column(node.relation.relname, element.ColumnDef, references) });
    } else {
      throw notInRedshift(Object.keys(element)[0] ?? 'this element');
    }
  }
  for (const element of elements) {
    if (element.ColumnDef && notNull.has(element.ColumnDef.colname)) addNotNull(element.ColumnDef);
  }
  if (elements.length === 0) throw new SqlError('a table needs at least one column');
  return { ...node, relation: relation(node.relation), tableElts: elements };
}

/** CREATE_TABLE_LIKE_DEFAULTS of PostgreSQL's parse nodes. */
const likeDefaults = 8;

function addNotNull(definition: Node): void {
  const constraints: Node[] = definition.constraints ?? [];
  if (!constraints.some((item) => item.Constraint.contype === 'CONSTR_NOTNULL')) {
    definition.constraints = [
      ...constraints,
      { Constraint: { contype: 'CONSTR_NOTNULL', is_enforced: true, initially_valid: true } },
    ];
  }
}

/** Checks a table constraint and returns the columns it makes NOT NULL. */
function droppedKey(constraint: Node, references: ReferencedTable[]): string[] {
  switch (constraint.contype) {
    case 'CONSTR_PRIMARY':
      return (constraint.keys ?? []).map((key: Node) => key.String.sval);
    case 'CONSTR_UNIQUE':
      if (constraint.nulls_not_distinct) throw notInRedshift('NULLS NOT DISTINCT');
      return [];
    case 'CONSTR_FOREIGN':
      if ((constraint.fk_upd_action ?? 'a') !== 'a' || (constraint.fk_del_action ?? 'a') !== 'a')
        throw notInRedshift('ON DELETE or ON UPDATE of a foreign key');
      references.push({ schema: constraint.pktable.schemaname, name: constraint.pktable.relname });
      return [];
    default:
      throw notInRedshift(constraintTitles[constraint.contype] ?? constraint.contype);
  }
}

function column(table: string, definition: Node, references: ReferencedTable[]): Node {
  if (definition.collClause) throw notInRedshift('COLLATE');
  if (definition.compression || definition.storage_name) throw notInRedshift('STORAGE or COMPRESSION');
  if (!definition.typeName) throw notInRedshift('a column without a type');
  const out: Node = {
    ...definition,
    typeName: normalizeType(definition.typeName, { column: `${table}.${definition.colname}` }),
    constraints: [],
  };
  let primary = false;
  for (const { Constraint: constraint } of definition.constraints ?? []) {
    switch (constraint.contype) {
      case 'CONSTR_NULL':
      case 'CONSTR_NOTNULL':
      case 'CONSTR_IDENTITY':
        out.constraints.push({ Constraint: constraint });
        break;
      case 'CONSTR_DEFAULT':
        out.constraints.push({ Constraint: { ...constraint, raw_expr: transform(constraint.raw_expr) } });
        break;
      case 'CONSTR_PRIMARY':
        primary = true;
        break;
      default:
        droppedKey(constraint, references);
    }
  }
  if (primary) addNotNull(out);
  return out;
}

/** CREATE TABLE AS. */
export function createTableAs(node: Node): Node {
  if (node.objtype !== 'OBJECT_TABLE') throw notServed('CREATE MATERIALIZED VIEW');
  if (!node.query?.SelectStmt) throw notInRedshift('CREATE TABLE AS of anything but a query');
  if (node.into.skipData) throw notInRedshift('WITH NO DATA');
  if (node.into.rel.relpersistence === 'u') throw notInRedshift('UNLOGGED');
  if (node.into.options || node.into.tableSpaceName || node.into.accessMethod)
    throw notInRedshift('WITH (storage parameters)');
  if (node.if_not_exists) throw notInRedshift('CREATE TABLE IF NOT EXISTS ... AS');
  return { ...node, query: transform(node.query) };
}

/** ALTER TABLE: one action a statement. `alone` says that Redshift refuses it inside a transaction block. */
export function alterTable(node: Node): { node: Node; alone: boolean } {
  if (node.objtype !== 'OBJECT_TABLE') throw notServed('this ALTER');
  if (node.cmds.length !== 1) throw notInRedshift('more than one action in ALTER TABLE');
  const command = node.cmds[0].AlterTableCmd;
  const rebuilt = (changed: Node) => ({
    ...node,
    relation: relation(node.relation),
    cmds: [{ AlterTableCmd: changed }],
  });
  switch (command.subtype) {
    case 'AT_AddColumn': {
      const definition = command.def.ColumnDef;
      const kinds = (definition.constraints ?? []).map((item: Node) => item.Constraint.contype);
      const odd = kinds.find(
        (kind: string) => !['CONSTR_NULL', 'CONSTR_NOTNULL', 'CONSTR_DEFAULT'].includes(kind),
      );
      if (odd) throw notInRedshift(`${odd.replace('CONSTR_', '')} in ALTER TABLE ADD COLUMN`);
      if (kinds.includes('CONSTR_NOTNULL') && !kinds.includes('CONSTR_DEFAULT')) {
        throw new SqlError(
          'ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression',
        );
      }
      if (command.missing_ok) throw notInRedshift('ADD COLUMN IF NOT EXISTS');
      return {
        node: rebuilt({ ...command, def: { ColumnDef: column(node.relation.relname, definition, []) } }),
        alone: false,
      };
    }
    case 'AT_DropColumn':
      if (command.missing_ok) throw notInRedshift('DROP COLUMN IF EXISTS');
      return { node: rebuilt(command), alone: false };
    case 'AT_ChangeOwner':
      return { node: rebuilt(command), alone: false };
    case 'AT_AlterColumnType': {
      const definition = command.def.ColumnDef;
      const typeName = normalizeType(definition.typeName, {
        column: `${node.relation.relname}.${command.name}`,
      });
      if (typeName.names.at(-1)?.String.sval !== 'varchar' || definition.raw_default) {
        throw notInRedshift('ALTER COLUMN TYPE to anything but VARCHAR(n)');
      }
      return { node: rebuilt({ ...command, def: { ColumnDef: { ...definition, typeName } } }), alone: true };
    }
    case 'AT_AddConstraint':
      throw notServed('ALTER TABLE ADD CONSTRAINT (keys are informational; name them in CREATE TABLE)');
    case 'AT_DropConstraint':
      throw notServed('ALTER TABLE DROP CONSTRAINT');
    default:
      throw notInRedshift(`ALTER TABLE ${String(command.subtype).replace('AT_', '')}`);
  }
}

/** DROP TABLE, VIEW or SCHEMA. */
export function drop(node: Node): Node {
  const kinds = ['OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_SCHEMA'];
  if (!kinds.includes(node.removeType))
    throw notInRedshift(`DROP ${String(node.removeType).replace('OBJECT_', '').replaceAll('_', ' ')}`);
  return node;
}

/** CREATE VIEW: the query alone. */
export function createView(node: Node): Node {
  if (node.options) throw notInRedshift('WITH (view options)');
  if (node.withCheckOption && node.withCheckOption !== 'NO_CHECK_OPTION')
    throw notInRedshift('WITH CHECK OPTION');
  if (node.view.relpersistence !== 'p') throw notInRedshift('a temporary view');
  return { ...node, query: transform(node.query) };
}

const grantable = new Set(['OBJECT_TABLE', 'OBJECT_SCHEMA', 'OBJECT_DATABASE']);

/** GRANT and REVOKE of privileges on tables, schemas and databases. */
export function grant(node: Node): Node {
  if (!grantable.has(node.objtype))
    throw notServed(`GRANT on ${String(node.objtype).replace('OBJECT_', '').toLowerCase()}`);
  return node;
}
