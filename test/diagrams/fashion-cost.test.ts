import {
  definitionOf,
  only,
  ownMetricsRead,
  resourcesOf,
  type State,
  synthesizeLabs,
} from '../stacks/synthesized.ts';
import { billedByTheHour, CostPage, statedAtRest, templateAtRest } from './cost-tables.ts';

/**
 * How many states an execution goes through from one to another, both counted, by the shortest way on which nothing fails
 * and nothing is waited for, unless the wait is where it ends.
 */
function statesBetween(states: Record<string, State>, from: string, to: string): number {
  const reached = new Map([[from, 1]]);
  for (const [name, steps] of reached) {
    const state = states[name] as State;
    for (const next of [state.Next, state.Default, ...(state.Choices ?? []).map((choice) => choice.Next)]) {
      if (next === undefined || reached.has(next)) continue;
      if (next === to || states[next]?.Type !== 'Wait') reached.set(next, steps + 1);
    }
  }
  return reached.get(to) ?? Number.NaN;
}

const rest = 'At rest, a month';
const drop = 'A drop of 100,000 rows';
const month = 'A month';
const page = new CostPage('diagrams/fashion.md');
const template = synthesizeLabs().fashion;
const countOf = (type: string) => resourcesOf(template, type).length;

describe('the cost that the explanation of the fashion lab states', () => {
  it('has a table for the lab at rest, one for a drop, and one for a month', () => {
    expect([...page.tables.keys()]).toEqual([rest, drop, month]);
  });

  it.each([rest, drop, month])('%s: each amount is quantity times price, the total their sum', (name) => {
    const { stated, computed } = page.sums(name);
    expect(stated).toEqual(computed);
  });

  it('the month is made of the totals of the other two', () => {
    expect(page.line(month, 'at rest').price).toBe(Number(page.table(rest).total));
    expect(page.line(month, 'drops').price).toBe(Number(page.table(drop).total));
  });

  it('counts what the template has', () => {
    expect({
      ...statedAtRest(page, rest),
      metrics: page.line(rest, 'metrics of our own').quantity,
    }).toEqual({
      ...templateAtRest(template),
      metrics: new Set(ownMetricsRead(template).map(({ name }) => name)).size,
    });
  });

  it('leaves out no part of the network that is billed by the hour: there is a gateway endpoint and nothing else', () => {
    expect(countOf('AWS::EC2::VPCEndpoint')).toBe(1);
    expect(billedByTheHour(template)).toEqual([]);
  });

  it('takes a minute of the base capacity for a drop', () => {
    const [, workgroup] = only(template, 'AWS::RedshiftServerless::Workgroup');
    const rpuHours = (workgroup.Properties.BaseCapacity * 60) / 3600;
    expect(page.line(drop, 'Redshift').quantity).toBeCloseTo(rpuHours, 5);
  });

  it('counts the states that a drop goes through: two looks until it has come to rest, and an import', () => {
    const collection = definitionOf(template, 'Collection');
    const imports = definitionOf(template, 'Import');
    expect(page.line(drop, 'state transitions').quantity).toBe(
      statesBetween(collection.States, collection.StartAt, 'WaitToSettle') +
        statesBetween(collection.States, 'IsRecovered', 'Collected') +
        statesBetween(imports.States, imports.StartAt, 'NoteRunning') +
        statesBetween(imports.States, 'Transform', 'Loaded'),
    );
  });
});
