import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../../domain/workbook');

it('the reader of workbooks is a library of its own: it imports nothing of a lab', () => {
  const imports = readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => [...readFileSync(join(folder, name), 'utf8').matchAll(/from '([^']+)'/g)])
    .map(([, target = '']) => target);
  expect(imports).toContain('./zip.ts');
  expect(imports.filter((target) => !/^(node:|\.\/|\.\.\/shared\/|\.\.\/errors\.ts$)/.test(target))).toEqual(
    [],
  );
});
