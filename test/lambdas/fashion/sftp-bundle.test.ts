/**
 * The collector's bundle alone: one file in an empty directory, as Lambda gets it. ssh2 asks for two native modules
 * (cpu-features, sshcrypto.node) inside of try-blocks and does without: they are left out as external, whether
 * they were built or not.
 */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import { type SftpServer, startSftpServer } from '../../../local/outside/sftp-server.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const content = randomBytes(300_000);

/** An ES module has neither: ssh2's dependencies are required, and its Poly1305 looks at __dirname as it loads. */
const commonJsNames =
  "import { createRequire as makeRequire } from 'node:module';" +
  'const require = makeRequire(import.meta.url), __dirname = import.meta.dirname;';

const program = `
import { createHash } from 'node:crypto';
import { parseSftpSecret, withSftp } from './lambdas/fashion/sftp-source.ts';
const hash = createHash('sha256');
withSftp(parseSftpSecret(process.env.SECRET), {}, async (source) => {
  const [file] = await source.list(/\\.xlsx$/);
  for await (const chunk of source.read(file.path, file)) hash.update(chunk);
}).then(() => console.log(hash.digest('hex')));
`;

let scratch: string;
let server: SftpServer;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sftp-bundle-'));
  await mkdir(join(scratch, 'served'));
  await writeFile(join(scratch, 'served', 'report.xlsx'), content);
  server = await startSftpServer({
    root: join(scratch, 'served'),
    accounts: [{ username: 'collector', password: 'correct horse' }],
  });
});

afterAll(async () => {
  await server.close();
  await rm(scratch, { recursive: true });
});

const external = ['cpu-features', '*.node'];
const bundles: [string, string, BuildOptions][] = [
  ['an ES module, natives external', 'index.mjs', { format: 'esm', banner: { js: commonJsNames }, external }],
  ['CommonJS, natives external', 'index.cjs', { format: 'cjs', external }],
];

it.each(bundles)('%s: reads a file over SFTP with nothing beside it', async (_what, name, options) => {
  const directory = await mkdtemp(join(scratch, 'alone-'));
  const { warnings } = await build({
    stdin: { contents: program, resolveDir: root, loader: 'ts' },
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20',
    outfile: join(directory, name),
    logLevel: 'silent',
    ...options,
  });
  expect(warnings).toEqual([]);
  expect(await readdir(directory)).toEqual([name]);

  const secret = {
    host: server.host,
    port: server.port,
    username: 'collector',
    password: 'correct horse',
    hostKey: server.hostKeyFingerprint,
  };
  // No NODE_PATH and no NODE_OPTIONS: only what is in the file resolves.
  const child = spawn(process.execPath, [name], {
    cwd: directory,
    env: { PATH: process.env.PATH, SECRET: JSON.stringify(secret) },
  });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect(errors.slice(-1_000)).toBe('');
  expect(output.trim()).toBe(createHash('sha256').update(content).digest('hex'));
});
