import { blockOf, contains, overlap } from '../../../diagrams/engine/boxes.ts';
import { type Edits, noEdits } from '../../../diagrams/engine/edits.ts';
import { layOut } from '../../../diagrams/engine/layout.ts';
import type { Diagram } from '../../../diagrams/engine/model.ts';
import type { Picture, PlacedGroup, PlacedNode } from '../../../diagrams/engine/picture.ts';
import { untidiness } from '../../../diagrams/engine/tidiness.ts';
import { smallDiagram } from './small-diagram.ts';

const node = (picture: Picture, id: string) => picture.nodes.find((one) => one.id === id) as PlacedNode;
const group = (picture: Picture, id: string) => picture.groups.find((one) => one.id === id) as PlacedGroup;
const arrow = (picture: Picture, id: string) => {
  const found = picture.arrows.find((one) => one.id === id);
  if (!found) throw new Error(`no arrow ${id}`);
  return found;
};
const everything = (picture: Picture) =>
  new Set([...picture.nodes, ...picture.groups, ...picture.arrows].map(({ id }) => id as string));

describe('a layout', () => {
  const { picture, remarks } = layOut(smallDiagram);

  it('puts nodes of a row at one height and of a column above each other', () => {
    expect(node(picture, 'client').box.y).toBe(node(picture, 'work').box.y);
    expect(node(picture, 'bucket').box.x).toBe(node(picture, 'table').box.x);
    expect(remarks).toEqual([]);
  });

  it('nests boxes: the Region in the Cloud, a VPC in the Region, and each holds what is in it', () => {
    expect(picture.groups.map(({ id, parent }) => [id, parent])).toEqual([
      ['cloud', undefined],
      ['region', 'cloud'],
      ['vpc', 'region'],
      ['subnet', 'vpc'],
    ]);
    for (const inner of picture.groups.slice(1)) {
      expect(contains(group(picture, inner.parent as string).box, inner.box)).toBe(true);
    }
    expect(contains(group(picture, 'subnet').box, blockOf(node(picture, 'work')))).toBe(true);
    expect(overlap(group(picture, 'cloud').box, blockOf(node(picture, 'client')))).toBe(false);
  });

  it('draws an arrow straight between neighbours, and with one bend around a corner', () => {
    expect(arrow(picture, 'bucket -> work').points).toHaveLength(2);
    expect(arrow(picture, 'work -> table').points).toHaveLength(3);
    for (const { points } of picture.arrows) {
      for (const [index, point] of points.slice(1).entries()) {
        const before = points[index] as typeof point;
        expect(before.x === point.x || before.y === point.y).toBe(true);
      }
    }
  });

  it('dashes what the template cannot show', () => {
    expect(arrow(picture, 'client -> bucket').manual).toBe(true);
    expect(arrow(picture, 'bucket -> work').manual).toBe(false);
  });

  it('lets nothing that is written stand over a line or over anything else', () => {
    expect(untidiness(picture)).toEqual([]);
  });

  it('leaves out a box that holds nothing', () => {
    const empty: Diagram = {
      ...smallDiagram,
      groups: { ...smallDiagram.groups, other: { kind: 'premises', label: 'Nobody here' } },
    };
    expect(everything(layOut(empty).picture)).not.toContain('other');
  });

  it('refuses two nodes on one cell, and names both', () => {
    const twice: Diagram = {
      ...smallDiagram,
      nodes: { ...smallDiagram.nodes, again: { path: 'X', icon: 'sqs', label: 'Again', at: [1, 1] } },
    };
    expect(() => layOut(twice)).toThrow(
      /^DiagramCellTaken: .*diagrams\/small\.diagram\.ts: node again: cell 1,1 is taken by table/,
    );
  });

  it('refuses a node in a box that does not hold it', () => {
    const inside: Diagram = {
      ...smallDiagram,
      nodes: {
        ...smallDiagram.nodes,
        far: { path: 'Far', icon: 'lambda', label: 'Far', in: 'subnet', at: [4, 0] },
        stranger: { path: 'X', icon: 'sqs', label: 'Stranger', at: [3, 0] },
      },
    };
    expect(() => layOut(inside)).toThrow(
      /DiagramCellTaken: .*node stranger stands over box vpc, which does not hold it/,
    );
  });

  it('gives a node without a cell a free one near those of its box', () => {
    const more: Diagram = {
      ...smallDiagram,
      nodes: { ...smallDiagram.nodes, more: { path: 'More', icon: 'lambda', label: 'More', in: 'subnet' } },
    };
    const laid = layOut(more).picture;
    expect(contains(group(laid, 'subnet').box, blockOf(node(laid, 'more')))).toBe(true);
    expect(node(laid, 'work')).toEqual(expect.objectContaining({ id: 'work' }));
  });
});

describe('what was moved in diagrams.net', () => {
  const before = layOut(smallDiagram).picture;
  const edits = (changed: Partial<Edits>): Edits => ({ ...noEdits, known: everything(before), ...changed });
  const moved = { ...node(before, 'table').box, y: node(before, 'table').box.y + 300 };

  it('stays there, and boxes and arrows go with it', () => {
    const { picture, remarks } = layOut(smallDiagram, edits({ boxes: new Map([['table', moved]]) }));
    expect(node(picture, 'table').box).toEqual(moved);
    expect(node(picture, 'table').laid).toEqual(node(before, 'table').box);
    expect(node(picture, 'bucket').box).toEqual(node(before, 'bucket').box);
    expect(contains(group(picture, 'region').box, blockOf(node(picture, 'table')))).toBe(true);
    expect(arrow(picture, 'work -> table').points.at(-1)?.y).toBe(moved.y + moved.height / 2);
    expect(remarks).toEqual([]);
  });

  it('a node that is new arrives in a free cell, and the run says so', () => {
    const onTheWay = { ...node(before, 'table').box };
    const grown: Diagram = {
      ...smallDiagram,
      nodes: {
        ...smallDiagram.nodes,
        table: { path: 'Table', icon: 'dynamodb', label: 'Table', at: [1, 2] },
        late: { path: 'Late', icon: 'sqs', label: 'Late', at: [1, 1] },
      },
    };
    const { picture, remarks } = layOut(grown, edits({ boxes: new Map([['table', onTheWay]]) }));
    expect(node(picture, 'table').box).toEqual(onTheWay);
    expect(remarks).toEqual([
      expect.stringMatching(/^new: late, at column \d+, row \d+, because 1,1 is taken$/),
    ]);
    expect(overlap(blockOf(node(picture, 'late')), blockOf(node(picture, 'table')))).toBe(false);
  });

  it('a node that is gone from the model goes, and the run says so', () => {
    const { table: _, ...nodes } = smallDiagram.nodes;
    const less: Diagram = { ...smallDiagram, nodes, arrows: smallDiagram.arrows.slice(0, 2) };
    const { picture, remarks } = layOut(less, edits({}));
    expect(everything(picture)).not.toContain('table');
    expect(remarks).toEqual(['gone: table', 'gone: work -> table']);
  });

  it('what somebody drew beside the model is left out, and the run says so', () => {
    const { remarks } = layOut(smallDiagram, edits({ foreign: ['x1 (a note)'] }));
    expect(remarks).toEqual(['left out, since no model knows it: x1 (a note)']);
  });

  it('a box that was drawn larger stays so, and one drawn too small holds what it must', () => {
    const large = group(before, 'subnet').box;
    const wide = { ...large, width: large.width + 4 };
    const small = { ...large, width: 10, height: 10 };
    expect(
      group(layOut(smallDiagram, edits({ boxes: new Map([['subnet', wide]]) })).picture, 'subnet').box,
    ).toEqual(wide);
    expect(
      group(layOut(smallDiagram, edits({ boxes: new Map([['subnet', small]]) })).picture, 'subnet').box,
    ).toEqual(large);
  });

  it('a node that was moved onto another is refused, and both are named', () => {
    const onto = node(before, 'bucket').box;
    expect(() => layOut(smallDiagram, edits({ boxes: new Map([['table', onto]]) }))).toThrow(
      /^DiagramCellTaken: .*diagrams\/small\.drawio: node bucket stands over node table/,
    );
  });
});
