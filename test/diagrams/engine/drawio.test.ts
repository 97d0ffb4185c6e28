import { deflateRawSync } from 'node:zlib';
import { XMLValidator } from 'fast-xml-parser';
import { drawioOf } from '../../../diagrams/engine/drawio.ts';
import { layOut } from '../../../diagrams/engine/layout.ts';
import type { PlacedNode } from '../../../diagrams/engine/picture.ts';
import { editsOf } from '../../../diagrams/engine/read-drawio.ts';
import { smallDiagram } from './small-diagram.ts';

const evidence = new Map([['bucket -> work', 'event "source" <mapping>']]);
const { picture } = layOut(smallDiagram, undefined, evidence);
const file = drawioOf(picture);
const read = (xml: string) => editsOf(xml, 'diagrams/small.drawio');

/** A change as diagrams.net makes it: the geometry of one cell. */
const moved = (xml: string, id: string, dx: number, dy: number) =>
  xml.replace(
    new RegExp(`(id="${id}"[\\s\\S]*?<mxGeometry x=")([-\\d.]+)(" y=")([-\\d.]+)`),
    (_, before, x, between, y) => `${before}${Number(x) + dx}${between}${Number(y) + dy}`,
  );

describe('a diagrams.net file', () => {
  it('is well-formed, and carries what each element stands for', () => {
    expect(XMLValidator.validate(file)).toBe(true);
    expect(file).toContain('id="bucket" path="Bucket"');
    expect(file).toContain('external="somebody\'s client"');
    expect(file).toContain('evidence="event &quot;source&quot; &lt;mapping&gt;"');
    expect(file).toContain('label="Bucket,&#10;two lines"');
  });

  it('has nothing that is blank outside of a browser', () => {
    expect(file).not.toMatch(/html=1|whiteSpace=wrap/);
  });

  it('read back as it was written, shows no edit', () => {
    const edits = read(file);
    expect([...edits.boxes, ...edits.routes, ...edits.besides, ...edits.foreign]).toEqual([]);
    expect(edits.known).toEqual(
      new Set(
        [...picture.nodes, ...picture.groups, ...picture.arrows]
          .map(({ id }) => id as string)
          .concat(picture.steps.map(({ number }) => `step-${number}`)),
      ),
    );
  });

  it('is the same again when it is laid out with what was read', () => {
    expect(drawioOf(layOut(smallDiagram, read(file), evidence).picture)).toBe(file);
  });

  it('a node that was moved is read where it stands now, and stays there run after run', () => {
    const edited = moved(file, 'table', 0, 120);
    const before = picture.nodes.find(({ id }) => id === 'table') as PlacedNode;
    const edits = read(edited);
    expect(edits.boxes).toEqual(new Map([['table', { ...before.box, y: before.box.y + 120 }]]));
    expect(edits.routes.size).toBe(0);
    const again = drawioOf(layOut(smallDiagram, edits, evidence).picture);
    expect(read(again).boxes).toEqual(edits.boxes);
    expect(drawioOf(layOut(smallDiagram, read(again), evidence).picture)).toBe(again);
  });

  it('a box that was moved takes what it holds along', () => {
    const { boxes } = read(moved(file, 'vpc', 10, 0));
    const work = picture.nodes.find(({ id }) => id === 'work') as PlacedNode;
    expect(boxes.get('work')).toEqual({ ...work.box, x: work.box.x + 10 });
    expect([...boxes.keys()].sort()).toEqual(['subnet', 'vpc', 'work']);
  });

  it('an arrow that was bent elsewhere keeps its bends', () => {
    const bent = file.replace(
      /(id="bucket -&gt; work"[\s\S]*?)<mxGeometry([^>]*)>/,
      '$1<mxGeometry$2><Array as="points"><mxPoint x="400" y="30"/><mxPoint x="500" y="30"/></Array>',
    );
    const edits = read(bent);
    const points = edits.routes.get('bucket -> work')?.points ?? [];
    expect(points).toContainEqual({ x: 400, y: 30 });
    expect(points).toContainEqual({ x: 500, y: 30 });
    for (const [index, point] of points.slice(1).entries()) {
      const before = points[index] as typeof point;
      expect(before.x === point.x || before.y === point.y).toBe(true);
    }
  });

  it('a step that was moved stays where it was put', () => {
    const step = file.replace(
      /(id="step-2"[\s\S]*?<mxPoint x=")([-\d.]+)/,
      (_, before, x) => before + (Number(x) + 30),
    );
    const edits = read(step);
    expect([...edits.besides.keys()]).toEqual(['step-2']);
    const again = layOut(smallDiagram, edits, evidence).picture.steps.find(({ number }) => number === 2);
    expect((again?.beside.dx ?? 0) - (again?.laid.dx ?? 0)).toBe(30);
  });

  it('tells of what somebody drew into it', () => {
    const note =
      '<mxCell id="n1" value="a note" vertex="1" parent="1"><mxGeometry x="1" y="1" as="geometry"/></mxCell>';
    expect(read(file.replace('</root>', `${note}</root>`)).foreign).toEqual(['n1 (a note)']);
  });

  it('is read as diagrams.net saves it compressed', () => {
    const [graph] = /<mxGraphModel[\s\S]*<\/mxGraphModel>/.exec(moved(file, 'table', 0, 120)) ?? [''];
    const packed = deflateRawSync(Buffer.from(encodeURIComponent(graph))).toString('base64');
    expect([...read(`<mxfile><diagram id="small">${packed}</diagram></mxfile>`).boxes.keys()]).toEqual([
      'table',
    ]);
  });

  it.each([
    ['', /DiagramFileUnreadable: .*diagrams\/small\.drawio: /],
    ['<mxfile><diagram', /DiagramFileUnreadable: .*diagrams\/small\.drawio: /],
    ['<html><body/></html>', /holds no diagram/],
    ['<mxfile><diagram>nonsense</diagram></mxfile>', /its compressed part/],
    ['<mxfile><diagram><mxGraphModel/></diagram></mxfile>', /holds no graph/],
    [
      file.replace(/(id="table"[\s\S]*?<mxGeometry x=")[-\d.]+/, '$1here'),
      /table: its geometry is not of numbers/,
    ],
  ])('that cannot be read is refused by name: %#', (xml, message) => {
    expect(() => read(xml)).toThrow(message);
  });
});
