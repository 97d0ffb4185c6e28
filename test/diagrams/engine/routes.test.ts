import { type End, routeOf } from '../../../diagrams/engine/routes.ts';

const icon = (x: number, y: number): End => ({
  box: { x, y, width: 48, height: 48 },
  below: 20,
  group: false,
});
const box = (x: number, y: number, width: number, height: number): End => ({
  box: { x, y, width, height },
  below: 0,
  group: true,
});
const at = (line: number) => line * 100;

describe('the way of an arrow', () => {
  it('is straight between two in a row, from side to side', () => {
    expect(routeOf({}, icon(0, 0), icon(200, 0), at)).toEqual({
      out: 'right',
      into: 'left',
      points: [
        { x: 48, y: 24 },
        { x: 200, y: 24 },
      ],
    });
  });

  it('is straight between two in a column, and begins below the label', () => {
    expect(routeOf({}, icon(0, 0), icon(0, 200), at).points).toEqual([
      { x: 24, y: 68 },
      { x: 24, y: 200 },
    ]);
  });

  it('goes back as well as forth', () => {
    expect(routeOf({}, icon(200, 0), icon(0, 0), at)).toMatchObject({ out: 'left', into: 'right' });
    expect(routeOf({}, icon(0, 200), icon(0, 0), at)).toMatchObject({ out: 'top', into: 'bottom' });
  });

  it('has one bend around a corner, sideways first unless it is told otherwise', () => {
    expect(routeOf({}, icon(0, 0), icon(200, 200), at).points).toEqual([
      { x: 48, y: 24 },
      { x: 224, y: 24 },
      { x: 224, y: 200 },
    ]);
    expect(routeOf({ out: 'bottom' }, icon(0, 0), icon(200, 200), at).points).toEqual([
      { x: 24, y: 68 },
      { x: 24, y: 224 },
      { x: 200, y: 224 },
    ]);
  });

  it('has two bends between parallel sides, half way or at the line that is named', () => {
    const two = routeOf({ out: 'right', into: 'left' }, icon(0, 0), icon(200, 200), at);
    expect(two.points.map(({ x }) => x)).toEqual([48, 124, 124, 200]);
    const named = routeOf({ out: 'right', into: 'left', bend: 1 }, icon(0, 0), icon(200, 200), at);
    expect(named.points.map(({ x }) => x)).toEqual([48, 100, 100, 200]);
  });

  it('goes round when it leaves and enters on the same side', () => {
    const around = routeOf({ out: 'bottom', into: 'bottom' }, icon(0, 0), icon(200, 0), at);
    const lowest = Math.max(...around.points.map(({ y }) => y));
    expect(around.points).toHaveLength(4);
    expect(lowest).toBeGreaterThan(68);
  });

  it('touches a box where it faces the other end, else in its middle, or where it is told', () => {
    const wide = box(0, 200, 400, 100);
    expect(routeOf({}, icon(300, 0), wide, at).points.at(-1)).toEqual({ x: 324, y: 200 });
    expect(routeOf({ into: 'top' }, icon(900, 0), wide, at).points.at(-1)).toEqual({ x: 200, y: 200 });
    expect(routeOf({ into: 'top', bend: 1 }, icon(900, 0), wide, at).points.at(-1)).toEqual({
      x: 100,
      y: 200,
    });
  });

  it('runs a lane beside, still straight', () => {
    expect(routeOf({ lane: -1 }, icon(0, 0), icon(200, 0), at).points).toEqual([
      { x: 48, y: 10 },
      { x: 200, y: 10 },
    ]);
  });
});
