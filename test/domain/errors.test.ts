import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ErrorCode, errorCodes, errorSections, errorTable, LabError } from '../../domain/errors.ts';

const codes = Object.keys(errorTable) as ErrorCode[];
const kinds = ['refused', 'transient', 'setup'] as const;

/** What the program is made of: everything that may raise an error. */
const sources = ['bin', 'constructs', 'diagrams', 'domain', 'lambdas', 'local', 'services', 'stacks']
  .flatMap((folder) => {
    try {
      return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
    } catch {
      return []; // a folder that no lab has yet
    }
  })
  .filter((path) => /\.(ts|mts|mjs)$/.test(path) && path !== 'domain/errors.ts')
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

it.each(codes)('%s: code, message and remedy can be read', (code) => {
  const row = errorTable[code];
  const message = row.message('THE VALUE');
  expect(code).toMatch(/^[A-Z][a-z0-9]+([A-Z][a-z0-9]+)+$/);
  expect(kinds).toContain(row.kind);
  expect(message).toContain('THE VALUE');
  expect(message).toMatch(/^[a-z]/);
  expect(message).not.toMatch(/[.!]$/);
  expect(row.remedy.length).toBeGreaterThan(5);
  expect(row.remedy).not.toMatch(/[.!]$/);
});

it('no code is dead: each is raised somewhere', () => {
  expect(codes.filter((code) => !new RegExp(`['"]${code}['"]`).test(sources))).toEqual([]);
});

it('each code is of one section and of one kind', () => {
  const listed = errorSections.flatMap((section) => kinds.flatMap((kind) => errorCodes(section, kind)));
  expect(listed.sort()).toEqual([...codes].sort());
  for (const section of errorSections) {
    const refused = errorCodes(section, 'refused');
    expect(refused).toEqual([...refused].sort());
  }
});

it('an error is found by its name, shows the value and says what to do', () => {
  const cause = new Error('connection refused');
  const error = new LabError('SftpUnreachable', 'sftp.example.com:22', { cause });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({
    name: 'SftpUnreachable',
    code: 'SftpUnreachable',
    value: 'sftp.example.com:22',
    cause,
  });
  expect(error.message).toContain('sftp.example.com:22');
  expect(error.message).toContain(errorTable.SftpUnreachable.remedy);
});
