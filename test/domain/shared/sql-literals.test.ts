import fc from 'fast-check';
import { loadModule, parseSync } from 'libpg-query';
import { text, timestamp } from '../../../domain/shared/sql-literals.ts';
import { hostileTexts } from './hostile-texts.ts';

beforeAll(async () => {
  await loadModule();
});

/** What PostgreSQL's own parser reads `SELECT <expression>` as: literals, `||` and CHR(92) put together. */
function readBack(expression: string): string {
  const { stmts = [] } = parseSync(`SELECT ${expression}`);
  expect(stmts).toHaveLength(1);
  const targets = (stmts[0] as Node).stmt.SelectStmt.targetList;
  expect(targets).toHaveLength(1);
  return evaluate(targets[0].ResTarget.val);
}

// biome-ignore lint/suspicious/noExplicitAny: the shape of a parse tree
type Node = any;

function evaluate(node: Node): string {
  if (node.A_Const) return node.A_Const.isnull ? 'NULL' : (node.A_Const.sval?.sval ?? '');
  if (node.A_Expr) {
    expect(node.A_Expr.name).toEqual([{ String: { sval: '||' } }]);
    return evaluate(node.A_Expr.lexpr) + evaluate(node.A_Expr.rexpr);
  }
  expect(node.FuncCall.funcname.at(-1)).toEqual({ String: { sval: 'chr' } });
  return String.fromCharCode(node.FuncCall.args[0].A_Const.ival.ival);
}

describe('a value in a statement', () => {
  it.each(hostileTexts)('%j is read back as it is', (value) => {
    expect(readBack(text(value))).toBe(value);
  });

  it('any text is read back as it is', () => {
    const awkward = fc.string({ unit: fc.constantFrom("'", '\\', ';', '-', '\n', 'a', '$', '"', '%', 'é') });
    fc.assert(
      fc.property(fc.oneof(awkward, fc.string({ unit: 'grapheme' })), (value) => {
        fc.pre(!value.includes('\0'));
        expect(readBack(text(value))).toBe(value);
      }),
    );
  });

  it('no backslash is inside of a literal: Redshift would read an escape where PostgreSQL reads text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("'", '\\', 'a') }), (value) => {
        expect(text(value)).not.toContain('\\');
      }),
    );
  });

  it('a NUL, which no SQL text holds, is refused', () => {
    expect(() => text('a\0b')).toThrow('NUL');
  });

  it('a time of ISO 8601 is a TIMESTAMP of the same digits', () => {
    expect(timestamp('2026-11-20T05:01:00.123Z')).toBe("'2026-11-20 05:01:00.123'::TIMESTAMP");
  });
});
