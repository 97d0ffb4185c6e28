import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { jest } from '@jest/globals';
import { drawioOf } from '../../../../diagrams/engine/drawio.ts';
import { layOut } from '../../../../diagrams/engine/layout.ts';
import { findChromium } from '../../../../local/diagrams/viewer/chromium.ts';
import {
  compareWithEngine,
  type EngineRendering,
  renderByEngine,
} from '../../../../local/diagrams/viewer/engine.ts';
import { installedViewer } from '../../../../local/diagrams/viewer/install.ts';
import { ourStencils } from '../../../../local/diagrams/viewer/stencils.ts';
import { smallDiagram } from '../../../diagrams/engine/small-diagram.ts';

jest.setTimeout(200_000); // a browser starts, on a machine that may be busy

/** Where `npm run diagrams -- --check-engine` installs; a test installs nothing. */
const cache = fileURLToPath(new URL('../../../../.local', import.meta.url));
const chromium = findChromium();
const ready = chromium !== undefined && (await installedViewer(cache)) !== undefined;
const whenReady = ready ? it : it.skip;
if (!ready) {
  console.info(
    "draw.io's own engine is not tried: run npm run diagrams -- --check-engine once, with Chromium",
  );
}

const { picture } = layOut(smallDiagram, undefined, new Map());

/** A diagram that has, beside ours, an icon that does not exist. */
const drawio = drawioOf(picture).replace(
  '</root>',
  '<mxCell id="blank" style="shape=mxgraph.aws4.resourceIcon;resIcon=mxgraph.aws4.firehose;" vertex="1" parent="1"><mxGeometry x="0" y="900" width="48" height="48" as="geometry"/></mxCell></root>',
);

const scratch = mkdtempSync(join(tmpdir(), 'labs-test-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Runs with these variables, which are read at the call. */
async function withEnvironment<T>(variables: Record<string, string>, run: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    return await run();
  } finally {
    process.env = before;
  }
}

/** Runs with a program in the browser's place: a line of shell. */
function withBrowser<T>(line: string, run: () => Promise<T>): Promise<T> {
  const browser = join(scratch, 'browser');
  writeFileSync(browser, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  return withEnvironment({ CHROMIUM: browser }, run);
}

/** Notes where the browser was told to keep its profile: in the temporary directory of the rendering, by which it is known. */
const profileNote = join(scratch, 'profile');
const noting = `for one do
  case "$one" in --user-data-dir=*) printf %s "\${one#*=}" > "${profileNote}" ;; esac
done`;
const profile = () => (existsSync(profileNote) ? readFileSync(profileNote, 'utf8') : '');

describe("draw.io's own engine", () => {
  let rendering: EngineRendering;
  let directory: string;

  beforeAll(async () => {
    if (!ready) return;
    const rendered = await withBrowser(`${noting}\nexec "${chromium}" "$@"`, () =>
      renderByEngine(drawio, { cache, signal: new AbortController().signal }),
    );
    directory = dirname(profile());
    if ('skipped' in rendered) throw new Error(rendered.skipped);
    rendering = rendered;
  });

  whenReady('draws boxes, lines, discs and words where our files say, and knows every icon of ours', () => {
    expect(compareWithEngine(picture, { ...rendering, unknownShapes: [] })).toEqual([]);
    expect([...rendering.stencils.keys()].sort()).toEqual([...new Set(ourStencils)].sort());
  });

  whenReady('does not have an icon that nobody drew', () => {
    expect(rendering.unknownShapes).toEqual(['mxgraph.aws4.firehose']);
    expect(rendering.engine).toBe('draw.io 29.2.7');
  });

  whenReady('gives a picture of two pixels for one', () => {
    const view = new DataView(rendering.png.buffer, rendering.png.byteOffset);
    expect([view.getUint32(16), view.getUint32(20)]).toEqual([2 * picture.width, 2 * picture.height]);
  });

  whenReady('leaves no directory behind', () => {
    expect(basename(directory)).toMatch(/^labs-engine-/);
    expect(existsSync(directory)).toBe(false);
  });

  whenReady('ends when it is interrupted, and leaves nothing', async () => {
    const controller = new AbortController();
    rmSync(profileNote, { force: true });
    // Chromium itself, but without the orders after which it would end: it cannot be done before it is interrupted.
    const endless = `${noting}
for one do
  shift
  case "$one" in --screenshot=* | --dump-dom | --virtual-time-budget=*) ;; *) set -- "$@" "$one" ;; esac
done
exec "${chromium}" "$@" --remote-debugging-port=0`;
    const rendered = withBrowser(endless, () => renderByEngine(drawio, { cache, signal: controller.signal }));
    const isInTheMiddle = () => existsSync(join(profile(), 'DevToolsActivePort'));
    let hasEnded = false;
    const end = () => {
      hasEnded = true;
    };
    rendered.then(end, end);
    while (!hasEnded && !isInTheMiddle()) await sleep(20);
    controller.abort(new Error('interrupted'));
    await expect(rendered).rejects.toThrow('interrupted');
    expect(existsSync(dirname(profile()))).toBe(false);
  });

  whenReady(
    'is not blamed on the file where Chromium does not start: its own last words are shown',
    async () => {
      const rendered = withBrowser('echo "cannot open display" >&2; exit 1', () =>
        renderByEngine(drawio, { cache, signal: new AbortController().signal }),
      );
      await expect(rendered).rejects.toMatchObject({
        code: 'DiagramEngineFailed',
        value: 'cannot open display',
      });
    },
  );

  whenReady('says by itself what it cannot render', async () => {
    const said = encodeURIComponent(JSON.stringify({ failed: 'Error: no mxGraphModel in the file' }));
    const rendered = withBrowser(`echo '<script id="measured" type="text/plain">${said}</script>'`, () =>
      renderByEngine('<mxfile/>', { cache, signal: new AbortController().signal }),
    );
    await expect(rendered).rejects.toMatchObject({
      code: 'DiagramEngineFailed',
      value: 'Error: no mxGraphModel in the file',
    });
  });
});

describe('where something is missing, the rendering is skipped with a word', () => {
  const signal = new AbortController().signal;

  it('without Chromium', async () => {
    const rendered = withEnvironment({ CHROMIUM: '/not/there' }, () =>
      renderByEngine(drawio, { cache, signal }),
    );
    expect(await rendered).toEqual({ skipped: 'no Chromium found: install it, or name it in CHROMIUM' });
  });

  it("without Python for draw.io's viewer", async () => {
    const rendered = withEnvironment({ CHROMIUM: process.execPath, LABS_PYTHON: '/not/there' }, () =>
      renderByEngine(drawio, { cache: scratch, signal }),
    );
    expect(await rendered).toEqual({
      skipped: "draw.io's viewer could not be installed: spawn /not/there ENOENT",
    });
  });
});

describe('what the check needs', () => {
  it('is Chromium by one of its names on PATH, or what CHROMIUM names', () => {
    symlinkSync(process.execPath, join(scratch, 'google-chrome'));
    symlinkSync(process.execPath, join(scratch, 'mine'));
    expect(findChromium({ PATH: `/nowhere:${scratch}` })).toBe(join(scratch, 'google-chrome'));
    expect(findChromium({ PATH: scratch, CHROMIUM: 'mine' })).toBe(join(scratch, 'mine'));
    expect(findChromium({ PATH: '', CHROMIUM: join(scratch, 'mine') })).toBe(join(scratch, 'mine'));
  });

  it('is not another browser than the one that CHROMIUM names', () => {
    expect(findChromium({ PATH: scratch, CHROMIUM: 'not-there' })).toBeUndefined();
  });
});
