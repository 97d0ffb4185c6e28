import { createHash } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import pg from 'pg';
import { workbookKey } from '../../domain/fashion/contract.ts';
import { type DateAndSlot, slotInstant } from '../../domain/fashion/drop.ts';
import type { Template } from '../assembly.ts';
import type { Progress } from '../core/progress.ts';
import { type DrivenLab, drivenLab, onOwnLaptop } from '../driven-lab.ts';
import type { Laptop } from '../laptop.ts';
import { warehouseAccess } from '../warehouse.ts';
import { FashionDriver, timeZone } from './driver.ts';

/** The whole lab on a laptop of its own, for what drives it: the soak run and the tests. */
export interface FashionLab extends DrivenLab {
  driver: FashionDriver;
  /** A connection of its own, as the superuser: for locks, and for acting as another role. */
  connect(): Promise<pg.Client>;
}

export interface FashionLabOptions {
  progress: Progress;
  /**
   * An arrival in the archive lets its import wait for nothing, and the claim of a collector that was killed lapses after
   * a second. Both are settings that the stack hands in: state machines and functions are the same.
   *
   * @default false
   */
  hurried?: boolean;
}

/** Emulator, PostgreSQL, deployed stack, the client's SFTP server. */
export function openFashionLab({ progress, hurried }: FashionLabOptions): Promise<FashionLab> {
  return onOwnLaptop(progress, (laptop) => deployFashionLab(laptop, progress, hurried));
}

/** The lab on a laptop that is up; `close` stops that laptop. */
export async function deployFashionLab(
  laptop: Laptop,
  progress: Progress,
  hurried = false,
): Promise<FashionLab> {
  const lab = await laptop.deploy('FashionInventory', progress, hurried ? hurry : undefined);
  const driver = await FashionDriver.open(laptop, lab);
  return {
    ...drivenLab(laptop, lab, { queriesAtOnce: 2, end: () => driver.close() }),
    driver,
    connect: async () => {
      const client = new pg.Client(warehouseAccess(laptop, lab));
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
  };
}

/** Waits of an execution that nobody needs to sit through: none. */
export const noWaits = { lookSeconds: 0, settleSeconds: 0, retrySeconds: 0, statementSeconds: 0 };

function hurry(template: Template): void {
  let rules = 0;
  for (const { Type, Properties = {} } of Object.values(template.Resources)) {
    if (Type === 'AWS::Events::Rule') {
      const before = JSON.stringify(Properties);
      // InputTemplate is JSON within JSON, hence the escaped quotes.
      const after = before.replaceAll(/((?:statement|retry)Seconds\\*":)\d+/g, '$10');
      if (after !== before) rules += 1;
      Object.assign(Properties, JSON.parse(after));
    } else if (Type === 'AWS::Lambda::Function') {
      const { Variables } = (Properties.Environment ?? {}) as { Variables?: Record<string, unknown> };
      if (Variables && 'LEASE_SECONDS' in Variables) Variables.LEASE_SECONDS = '1';
    }
  }
  if (rules === 0) throw new Error('no rule of the template hands in waits');
}

export interface DropPlace extends DateAndSlot {
  /** When the client's software wrote the file, minutes after the slot. @default 0 */
  minutes?: number;
  /** @default inventory.xlsx */
  fileName?: string;
}

/** The key that the collector gives a file. */
export function archivedAs(bytes: Uint8Array, at: DropPlace): string {
  const { date, slot, minutes = 0, fileName = 'inventory.xlsx' } = at;
  return workbookKey({
    date,
    slot,
    modifiedAt: slotInstant({ date, slot }, timeZone) + minutes * 60_000,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    fileName,
  });
}

export async function putObject(fashion: FashionLab, key: string, bytes: Uint8Array): Promise<void> {
  await fashion.driver.s3.send(
    new PutObjectCommand({ Bucket: fashion.output('ArchiveBucketName'), Key: key, Body: bytes }),
  );
}

/** Names of the staging tables that are there now. */
export async function stagingTables(fashion: FashionLab): Promise<string[]> {
  const rows = await fashion.query<{ tablename: string }>(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'fashion_staging'",
  );
  return rows.map(({ tablename }) => tablename);
}
