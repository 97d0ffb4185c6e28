import { layOut } from '../../../diagrams/engine/layout.ts';
import type { Diagram } from '../../../diagrams/engine/model.ts';
import { untidiness } from '../../../diagrams/engine/tidiness.ts';
import { smallDiagram } from './small-diagram.ts';

const flaws = (change: (diagram: Diagram) => Partial<Diagram>) =>
  untidiness(layOut({ ...smallDiagram, ...change(smallDiagram) }).picture);

describe('what makes a picture hard to read', () => {
  it('is nothing where all is in order', () => {
    expect(flaws(() => ({}))).toEqual([]);
  });

  it('is a line through an icon or its label', () => {
    expect(flaws(({ arrows }) => ({ arrows: [...arrows, { from: 'client', to: 'work' }] }))).toContainEqual(
      'arrow client -> work runs through icon bucket',
    );
    expect(
      flaws(({ arrows }) => ({
        arrows: [...arrows, { from: 'table', to: 'bucket', out: 'top', into: 'top' }],
      })),
    ).toContainEqual('arrow table -> bucket runs through label of bucket');
  });

  it('is a line on another', () => {
    expect(flaws(({ arrows }) => ({ arrows: [...arrows, { from: 'work', to: 'bucket' }] }))).toContainEqual(
      'arrow bucket -> work runs on arrow work -> bucket',
    );
  });

  it('is a label too long for its place', () => {
    const long = 'a label that is far too long for one line of a picture';
    expect(
      flaws(({ groups }) => ({ groups: { ...groups, vpc: { kind: 'vpc', label: long, path: 'Vpc' } } })),
    ).toContainEqual('label of box vpc is wider than the box');
    expect(
      flaws(({ nodes }) => ({
        nodes: { ...nodes, table: { path: 'Table', icon: 'dynamodb', label: long, at: [1, 1] } },
      })),
    ).toContainEqual('label of node table is wider than its cell: break it with \\n');
  });

  it('is a crowd', () => {
    const crowd = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [
        `node${index}`,
        {
          path: `Node${index}`,
          icon: 'sqs' as const,
          label: `${index}`,
          at: [1 + (index % 5), 2 + Math.floor(index / 5)] as const,
        },
      ]),
    );
    expect(flaws(({ nodes }) => ({ nodes: { ...nodes, ...crowd } }))).toContainEqual(
      '24 nodes; with more than 20 nobody sees the whole',
    );
  });
});
