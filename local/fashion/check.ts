import { DescribeExecutionCommand, paginateListExecutions, SFNClient } from '@aws-sdk/client-sfn';
import { type CollectCheck, type ImportInput, workbookPrefix } from '../../domain/fashion/contract.ts';
import { text } from '../../domain/shared/sql-literals.ts';
import { parseSftpSecret } from '../../lambdas/fashion/sftp-secret.ts';
import { type Check, type Checked, NotAsked, Wrong } from '../check/check.ts';
import { askFunction, secretCheck, warehouseChecks } from '../check/rows.ts';
import { Archive, type Archived } from './archive.ts';

/** What is looked at of a deployed fashion lab, beside what every lab has. */
export function fashionChecks(checked: Checked): Check[] {
  return [
    secretCheck(checked, 'SftpSecretArn', parseSftpSecret),
    {
      what: 'the SFTP server shows the pinned key',
      look: async () => {
        const { seen } = await askFunction<CollectCheck>(checked, 'CollectFunctionName');
        return `logged in from the function; ${seen} reports are there`;
      },
    },
    ...warehouseChecks(checked, 'LoadFunctionName'),
    { what: 'the newest drop is in SQL', look: (say) => followDrop(checked, say) },
  ];
}

type Drop = Archived<'xlsx'>;

/** Milliseconds within which S3's event has started the import of a drop, once events are in force. */
const eventMs = { aws: 120_000, laptop: 30_000 };

async function followDrop(checked: Checked, say: (text: string) => void): Promise<string | NotAsked> {
  const archive = new Archive(checked.target, checked.signal);
  try {
    const before = await newestDrop(archive);
    let drop = before;
    if (checked.request.follow) {
      say('waits for the next drop');
      const isNext = async () => {
        const newest = await newestDrop(archive);
        return newest?.key === before?.key ? undefined : newest;
      };
      drop = await checked.until(isNext, Number.POSITIVE_INFINITY);
    }
    if (!drop)
      return new NotAsked('no drop was collected so far: RunNowCommand collects one, --follow waits for it');
    return await followed(checked, drop, say);
  } finally {
    archive.close();
  }
}

/** By date, slot and the time at which the client wrote it. */
async function newestDrop(archive: Archive): Promise<Drop | undefined> {
  let newest: Drop | undefined;
  for await (const drop of archive.list(workbookPrefix, 'xlsx')) newest = drop;
  return newest;
}

interface LedgerRow {
  rows_in: number;
  rows_loaded: number;
  rows_rejected: number;
  outcome: string;
}

/** Waits until the ledger has it, for as long as its import runs. @throws Wrong where it was lost or refused */
async function followed(checked: Checked, drop: Drop, say: (text: string) => void): Promise<string> {
  const { date, slot, fileName, arrivedAt, key } = drop;
  const named = `${date} ${slot} ${fileName}`;
  const again = `npm run replay -- fashion --stack ${checked.target.stack} --date ${date} --slot ${slot} --from xlsx`;
  const row = await checked.until(async () => {
    const ledger = await ledgerRow(checked, drop);
    if (ledger) return ledger;
    const execution = await importOf(checked, key);
    say(`${named}: ${execution?.status ?? 'no import yet'}`);
    if (execution && execution.status !== 'RUNNING' && execution.status !== 'SUCCEEDED')
      throw new Wrong(
        `${named}: ${execution.error} ${execution.cause?.slice(0, 200)}`,
        `mend the cause, then ${again}`,
      );
    if (!execution && Date.now() - arrivedAt.getTime() > eventMs[checked.onAws ? 'aws' : 'laptop'])
      throw new Wrong(`${named} is archived, and no import was started: its event was lost`, again);
    return undefined;
  });
  if (!row) throw new Wrong(`${named} is not in the ledger yet`, 'look at its import; then check again');
  const { rows_in, rows_loaded, rows_rejected, outcome } = row;
  const count = `${rows_in} rows = ${rows_loaded} loaded + ${rows_rejected} set aside`;
  if (Number(rows_in) !== Number(rows_loaded) + Number(rows_rejected))
    throw new Wrong(`${named}: not ${count}`, again);
  return `${named}: ${count}, ${outcome}`;
}

async function ledgerRow(checked: Checked, { date, slot, sha256Start, key }: Drop) {
  // The same content may have come before, under another key.
  const same = sha256Start === undefined ? '' : ` OR drop_sha256 LIKE ${text(`${sha256Start}%`)}`;
  const [row] = await checked.query(
    'SELECT rows_in, rows_loaded, rows_rejected, outcome FROM fashion.load_ledger ' +
      `WHERE drop_date = ${text(date)} AND drop_slot = ${text(slot)} AND (archive_key = ${text(key)}${same})`,
  );
  return row as unknown as LedgerRow | undefined;
}

/** Executions that are looked through, the newest first. */
const looked = 50;

/** The newest import of a workbook. */
async function importOf(checked: Checked, key: string) {
  const sfn = checked.client(SFNClient);
  const stateMachineArn = checked.output('ImportStateMachineArn');
  let seen = 0;
  for await (const { executions = [] } of paginateListExecutions(
    { client: sfn, pageSize: looked },
    { stateMachineArn },
  ))
    for (const { executionArn } of executions) {
      const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      if ((JSON.parse(execution.input ?? '{}') as ImportInput).key === key) return execution;
      seen += 1;
      if (seen === looked) return undefined;
    }
  return undefined;
}
