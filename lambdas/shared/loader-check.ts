import { LabError } from '../../domain/errors.ts';
import type { LoaderCheck } from '../../domain/warehouse/contract.ts';
import type { DataApi } from './data-api.ts';

/** Ends a check: it fails, and with it the transaction. Whoever finds it in the history of queries reads why. */
const failsOnPurpose = "SELECT CAST('this check ends here, so that nothing of it stays' AS INTEGER)";

/**
 * Runs the statements of a load as the loader's own database user, in one transaction that the last statement makes fail: tables
 * are as they were, whatever the statements say. None of them may be one that commits, as TRUNCATE does.
 *
 * @param statements at most 39
 * @param call names this call: a statement handed in twice in one call runs once
 * @throws WarehouseStatementFailed, WarehouseSlow, and what the SDK throws
 */
export async function checkLoad(
  api: Pick<DataApi, 'submit' | 'wait' | 'rows'>,
  statements: string[],
  call: string,
  deadline: number,
): Promise<LoaderCheck> {
  const ended = async (id: string) => {
    const state = await api.wait(id, Math.max(0, deadline - Date.now()));
    if (state.status === 'running') throw new LabError('WarehouseSlow', id);
    return state;
  };
  // A loader may hand in batches alone. Redshift shows each user the roles that were granted to it.
  const asked = await ended(
    await api.submit(
      ['SELECT CURRENT_USER AS name', 'SELECT user_name, role_name FROM svv_user_grants'],
      call,
      'roles',
    ),
  );
  if (asked.status === 'failed') throw new LabError('WarehouseStatementFailed', asked.error);
  const [row] = await api.rows(asked.id, 1);
  const user = String(row?.name);
  const grants = await api.rows(asked.id, 2);

  const state = await ended(await api.submit([...statements, failsOnPurpose], call, 'statements'));
  if (state.status === 'finished')
    throw new LabError('WarehouseStatementFailed', `what fails on purpose did not fail: ${failsOnPurpose}`);
  const { part = 0, error } = state;
  return {
    user,
    roles: grants.filter(({ user_name }) => user_name === user).map(({ role_name }) => String(role_name)),
    statements: statements.length,
    refused: part > statements.length ? null : { part, sql: statements[part - 1] ?? '', error },
  };
}
