import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * Each rule of "who may import whom" is broken by a snippet, and the linter names it; what is allowed passes. All
 * snippets are linted by one run, in a folder that has the repository's lint configuration and nothing else.
 */

const root = path.resolve(import.meta.dirname, '../..');

interface Snippet {
  what: string;
  file: string;
  code: string;
  /** The message that the linter must give; none: it must say nothing. */
  message?: string;
}

const imports = (...sources: string[]) =>
  `${sources.map((source, n) => `import { x${n} } from '${source}';`).join('\n')}\nexport const all = [${sources
    .map((_, n) => `x${n}`)
    .join(', ')}];\n`;

const ours = 'domain imports nothing of ours but domain';
const aws = 'domain knows nothing of AWS';
const outside = 'domain has no environment, no clock, no input and output: they are handed in';
const clock = 'domain has no clock: the time is handed in';
const randomness = 'domain has no randomness: a seed is handed in';
const contracts = 'stacks and constructs import domain/*/contract and domain/errors only';
const byPath = 'stacks and constructs name handlers by path';
const template = 'diagrams know a template, not how it is made: they import diagrams and domain/errors';
const shared = 'lambdas and services import domain and lambdas/shared';

const broken: Snippet[] = [
  ...[
    'stacks/f/a',
    'constructs/a',
    'lambdas/f/a',
    'services/f/a',
    'local/a',
    'bench/a',
    'test/a',
    'bin/labs',
  ].map((target) => ({
    what: `domain imports ${target.split('/')[0]}`,
    file: 'domain/f/a.ts',
    code: imports(`../../${target}.ts`),
    message: ours,
  })),
  {
    what: 'domain exports from local',
    file: 'domain/f/a.ts',
    code: "export * from '../../local/a.ts';\n",
    message: ours,
  },
  {
    what: 'domain loads a handler late',
    file: 'domain/f/a.ts',
    code: "export const late = import('../../lambdas/f/a.ts');\n",
    message: ours,
  },
  {
    what: 'domain imports the CDK',
    file: 'domain/f/a.ts',
    code: imports('aws-cdk-lib/aws-s3'),
    message: aws,
  },
  {
    what: 'domain imports a type of an AWS client',
    file: 'domain/f/a.ts',
    code: "import type { S3Client } from '@aws-sdk/client-s3';\nexport type Client = S3Client;\n",
    message: aws,
  },
  {
    what: 'domain imports node:process',
    file: 'domain/f/a.ts',
    code: imports('node:process'),
    message: outside,
  },
  { what: 'domain reads files', file: 'domain/f/a.ts', code: imports('node:fs/promises'), message: outside },
  {
    what: 'domain reads process.env',
    file: 'domain/f/a.ts',
    code: 'export const region = process.env.AWS_REGION;\n',
    message: "Don't use process.env.",
  },
  {
    what: 'domain calls Date.now',
    file: 'domain/f/a.ts',
    code: 'export const at = Date.now();\n',
    message: clock,
  },
  {
    what: 'domain makes a Date of now',
    file: 'domain/f/a.ts',
    code: 'export const at = new Date();\n',
    message: clock,
  },
  {
    what: 'domain asks Temporal for now',
    file: 'domain/f/a.ts',
    code: "import { Temporal } from 'temporal-polyfill';\nexport const at = Temporal.Now.instant();\n",
    message: clock,
  },
  {
    what: 'domain sets a timer',
    file: 'domain/f/a.ts',
    code: 'export const later = (f: () => void) => setTimeout(f, 1);\n',
    message: 'Do not use the global variable setTimeout.',
  },
  {
    what: 'domain calls Math.random',
    file: 'domain/f/a.ts',
    code: 'export const r = Math.random();\n',
    message: randomness,
  },
  {
    what: 'domain takes random bytes',
    file: 'domain/f/a.ts',
    code: "import { randomUUID } from 'node:crypto';\nexport const id = randomUUID();\n",
    message: 'domain has no randomness: only hashes of node:crypto',
  },
  ...['stacks/f', 'constructs'].flatMap((folder) => {
    const up = folder.replace(/[^/]+/g, '..');
    return [
      {
        what: `${folder} imports a rule of domain`,
        code: imports(`${up}/domain/f/drop.ts`),
        message: contracts,
      },
      { what: `${folder} imports a handler`, code: imports(`${up}/lambdas/f/a.ts`), message: byPath },
      { what: `${folder} imports a service`, code: imports(`${up}/services/f/a.ts`), message: byPath },
      {
        what: `${folder} reads process.env`,
        code: 'export const region = process.env.AWS_REGION;\n',
        message: "Don't use process.env.",
      },
      {
        what: `${folder} reads context`,
        code: 'export const c = (n: { tryGetContext(k: string): string }) => n.tryGetContext("k");\n',
        message: "Do not use property 'tryGetContext'.",
      },
    ].map((snippet) => ({ ...snippet, file: `${folder}/a.ts` }));
  }),
  {
    what: 'a construct imports a stack',
    file: 'constructs/a.ts',
    code: imports('../stacks/f/a.ts'),
    message: "constructs import constructs, and domain's contracts and errors",
  },
  {
    what: "a stack imports another lab's stack",
    file: 'stacks/f/a.ts',
    code: imports('../g/a.ts'),
    message: "a lab does not import another lab's stack: what both need goes to constructs",
  },
  ...['stacks/f/a', 'constructs/a', 'local/a', 'test/a'].map((target) => ({
    what: `a handler imports ${target.split('/')[0]}`,
    file: 'lambdas/f/a.ts',
    code: imports(`../../${target}.ts`),
    message: shared,
  })),
  {
    what: 'a handler imports the CDK',
    file: 'lambdas/f/a.ts',
    code: imports('aws-cdk-lib'),
    message: 'what runs in AWS does not carry the CDK',
  },
  {
    what: "a handler imports another lab's handler",
    file: 'lambdas/f/a.ts',
    code: imports('../g/a.ts'),
    message: "a lab does not import another lab's handlers: what both need goes to lambdas/shared or domain",
  },
  {
    what: 'a handler reads process.env',
    file: 'lambdas/f/a.ts',
    code: 'export const region = process.env.AWS_REGION;\n',
    message: "Don't use process.env.",
  },
  {
    what: 'a service imports a handler',
    file: 'services/f/a.ts',
    code: imports('../../lambdas/f/a.ts'),
    message: shared,
  },
  ...[
    '../../stacks/labs.ts',
    '../../local/a.ts',
    '../../domain/f/contract.ts',
    '../../test/a.ts',
    'aws-cdk-lib',
  ].map((source) => ({
    what: `a diagram imports ${source}`,
    file: 'diagrams/engine/a.ts',
    code: imports(source),
    message: template,
  })),
  ...['bin', 'local', 'bench'].map((folder) => ({
    what: `${folder} imports test`,
    file: `${folder}/a.ts`,
    code: imports('../test/a.ts'),
    message: 'nobody imports test',
  })),
];

const allowed: Snippet[] = [
  {
    what: 'domain imports domain, a schema library and hashes',
    file: 'domain/f/a.ts',
    code: imports('./local.ts', '../g/test.ts', '../errors.ts', 'zod').concat(
      "export { createHash } from 'node:crypto';\nexport const day = new Date(0).getTime() + Date.UTC(2026, 1);\n",
    ),
  },
  {
    what: "a stack imports constructs, contracts, the errors and its lab's other files",
    file: 'stacks/f/a.ts',
    code: imports(
      '../../constructs/a.ts',
      '../../domain/f/contract.ts',
      '../../domain/errors.ts',
      './b.ts',
      'aws-cdk-lib',
    ),
  },
  {
    what: 'a handler imports domain and lambdas/shared',
    file: 'lambdas/f/a.ts',
    code: imports('../shared/a.ts', '../../domain/f/drop.ts', './b.ts', '@aws-sdk/client-s3'),
  },
  {
    what: 'lambdas/shared reads process.env',
    file: 'lambdas/shared/a.ts',
    code: 'export const region = process.env.AWS_REGION;\n',
  },
  {
    what: 'a service imports domain and lambdas/shared',
    file: 'services/f/a.ts',
    code: imports('../../domain/f/drop.ts', '../../lambdas/shared/a.ts'),
  },
  {
    what: 'a diagram imports diagrams, the errors and what is not ours',
    file: 'diagrams/engine/a.ts',
    code: imports('./b.ts', '../../domain/errors.ts', 'zod', 'node:zlib'),
  },
  ...['local', 'bench'].map((folder) => ({
    what: `${folder} imports all but test`,
    file: `${folder}/a.ts`,
    code: imports(
      '../domain/f/drop.ts',
      '../lambdas/f/a.ts',
      '../stacks/f/a.ts',
      '../services/f/a.ts',
      '../diagrams/a.ts',
    ),
  })),
  {
    what: 'a test imports all',
    file: 'test/f/a.ts',
    code: imports(
      '../../domain/f/drop.ts',
      '../../lambdas/f/a.ts',
      '../../stacks/f/a.ts',
      '../../local/a.ts',
      '../b.ts',
    ),
  },
];

/** A snippet's place: the n-th one's file name carries n, so that all fit into one tree. */
const place = (snippet: Snippet, n: number) => snippet.file.replace(/a\.ts$/, `snippet-${n}.ts`);

/** Lints all snippets at once. */
function lint(snippets: Snippet[]): Map<string, string[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'import-rules-'));
  try {
    copyFileSync(path.join(root, 'biome.json'), path.join(folder, 'biome.json'));
    cpSync(path.join(root, '.biome'), path.join(folder, '.biome'), { recursive: true });
    snippets.forEach((snippet, n) => {
      const file = path.join(folder, place(snippet, n));
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, snippet.code);
    });
    const biome = path.join(root, 'node_modules/@biomejs/biome/bin/biome');
    const options = ['--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none', '.'];
    const { stdout } = spawnSync(process.execPath, [biome, 'lint', ...options], {
      cwd: folder,
      encoding: 'utf8',
    });
    const found = new Map<string, string[]>();
    for (const { location, message } of JSON.parse(stdout).diagnostics) {
      found.set(location.path, [...(found.get(location.path) ?? []), message]);
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('who may import whom', () => {
  const snippets = [...broken, ...allowed];
  let found: Map<string, string[]>;
  beforeAll(() => {
    found = lint(snippets);
  });

  it.each(broken)('is refused: $what', (snippet) => {
    expect(found.get(place(snippet, snippets.indexOf(snippet)))).toContain(snippet.message);
  });

  it.each(allowed)('is allowed: $what', (snippet) => {
    expect(found.get(place(snippet, snippets.indexOf(snippet))) ?? []).toEqual([]);
  });
});
