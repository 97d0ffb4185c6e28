import type { Context } from 'aws-lambda';
import { isCheckRequest } from '../../domain/shared/contract.ts';
import { loadEnvironment } from '../../domain/stocks/contract.ts';
import { type Published, parsePublication } from '../../domain/stocks/publication.ts';
import type { LoaderCheck } from '../../domain/warehouse/contract.ts';
import { readEnvironment } from '../shared/environment.ts';
import { logger } from '../shared/observability.ts';
import { objectLoadsOf } from './object-loads.ts';

const environment = readEnvironment(loadEnvironment);
const objectLoads = objectLoadsOf(environment, { replaces: true });
const patienceMs = Number(environment.STATEMENT_PATIENCE_SECONDS) * 1000;

/**
 * Takes rows that a replay wrote into SQL, in place of those that are there. Who calls it waits for the answer and repeats what
 * failed: no metric tells of it, and no alarm rings. A check is answered in place of that.
 *
 * @throws PublicationInvalid, WarehouseStatementFailed, WarehouseSlow, and what the SDK throws
 */
export async function handler(event: unknown, context: Context): Promise<Published | LoaderCheck> {
  const deadline = Date.now() + patienceMs;
  if (isCheckRequest(event)) return objectLoads.check(context.awsRequestId, deadline);
  const { run, objects } = parsePublication(event);
  const { loads, failed } = await objectLoads.load(objects, context.awsRequestId, deadline);
  const published: Published = { ticks: 0, replaced: 0, added: 0 };
  for (const { changes } of loads) {
    published.ticks += changes?.ticks ?? 0;
    published.replaced += changes?.replaced ?? 0;
    published.added += changes?.added ?? 0;
  }
  logger.info('published', { run, objects: objects.length, ...published });
  if (failed[0]) {
    logger.error('not published', { run, first: failed[0].objects[0]?.key, error: failed[0].error });
    throw failed[0].error;
  }
  return published;
}
