import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { DeleteCommand, DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb';
import Papa from 'papaparse';
import { rejectedKey, rejectedPrefix, workbookPrefix } from '../../../domain/fashion/contract.ts';
import { dropOrder } from '../../../domain/fashion/drop.ts';
import { inventoryLayout } from '../../../domain/fashion/inventory-layout.ts';
import { type FashionLab, stagingTables } from '../lab.ts';
import type { MadeDrop } from './client.ts';
import { line, type Tables } from './expected.ts';

const columns = inventoryLayout.columns.map(({ name }) => `${name}::text`).join(', ');

/** What there is now. A CSV of bad rows that belongs to none of the drops goes by its key. */
export async function readTables(fashion: FashionLab, drops: readonly MadeDrop[]): Promise<Tables> {
  const rows = async (sql: string) =>
    (await fashion.query<Record<string, unknown>>(sql)).map((row) => line(...Object.values(row))).sort();
  return {
    current_positions: await rows(`SELECT load_key, ${columns} FROM fashion.current_positions`),
    position_history: await rows(
      `SELECT drop_date::text, drop_slot, drop_sha256, load_key, ${columns} FROM fashion.position_history`,
    ),
    load_ledger: await rows(
      'SELECT load_key, modified_at_ms::float8 AS modified_at, drop_order, archive_key, ' +
        'rows_in::int, rows_loaded::int, rows_rejected::int FROM fashion.load_ledger',
    ),
    current_drop: await rows('SELECT load_key, drop_order FROM fashion.current_drop'),
    set_aside: await setAside(fashion, drops),
    staging_tables: await stagingTables(fashion),
  };
}

async function setAside(fashion: FashionLab, drops: readonly MadeDrop[]): Promise<string[]> {
  const { s3 } = fashion.driver;
  const Bucket = fashion.driver.output('ArchiveBucketName');
  const byKey = new Map(drops.map((drop) => [rejectedKey(drop), dropOrder(drop)]));
  const lines: string[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2(
    { client: s3 },
    { Bucket, Prefix: rejectedPrefix },
  )) {
    for (const { Key = '' } of Contents) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
      const { data } = Papa.parse<Record<string, string>>((await Body?.transformToString()) ?? '', {
        header: true,
        skipEmptyLines: true,
      });
      for (const { row, cell, reason } of data)
        lines.push(line(byKey.get(Key) ?? Key, Number(row), cell, reason));
    }
  }
  return lines.sort();
}

/** How often each workbook was written into the archive: each time an event follows. */
export async function workbookVersions(fashion: FashionLab): Promise<Map<string, number>> {
  const count = new Map<string, number>();
  for await (const { Versions = [] } of versionPages(fashion, workbookPrefix)) {
    for (const { Key = '' } of Versions) count.set(Key, (count.get(Key) ?? 0) + 1);
  }
  return count;
}

/**
 * Makes the lab as it was before its first drop: tables, archive, SFTP folder, notes of files and imports. An order then
 * starts as it does when its command alone is run, and orders of the same drops can be compared with each other.
 */
export async function emptyLab(fashion: FashionLab): Promise<void> {
  await Promise.all([emptyTables(fashion), emptyArchive(fashion), emptyServer(fashion), emptyNotes(fashion)]);
}

async function emptyTables(fashion: FashionLab): Promise<void> {
  for (const table of await stagingTables(fashion))
    await fashion.query(`DROP TABLE fashion_staging.${table}`);
  await fashion.query(
    'TRUNCATE fashion.current_positions, fashion.position_history, fashion.load_ledger, fashion.current_drop',
  );
}

async function emptyArchive(fashion: FashionLab): Promise<void> {
  const { s3 } = fashion.driver;
  const Bucket = fashion.driver.output('ArchiveBucketName');
  for await (const { Versions = [], DeleteMarkers = [] } of versionPages(fashion)) {
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
    if (Objects.length > 0)
      await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
  }
}

/** The SDK pages no versions by itself. */
async function* versionPages(
  { driver }: FashionLab,
  Prefix?: string,
): AsyncGenerator<ListObjectVersionsCommandOutput> {
  let page: ListObjectVersionsCommandOutput | undefined;
  do {
    page = await driver.s3.send(
      new ListObjectVersionsCommand({
        Bucket: driver.output('ArchiveBucketName'),
        Prefix,
        KeyMarker: page?.NextKeyMarker,
        VersionIdMarker: page?.NextVersionIdMarker,
      }),
    );
    yield page;
  } while (page.IsTruncated);
}

async function emptyServer({ driver }: FashionLab): Promise<void> {
  for (const name of await readdir(driver.served)) await rm(join(driver.served, name));
}

/** What is noted of files and of imports. */
async function emptyNotes({ laptop, lab }: FashionLab): Promise<void> {
  const client = new DynamoDBClient(laptop.clients);
  const tables = DynamoDBDocumentClient.from(client);
  try {
    for (const [logicalId, { Type, Properties }] of Object.entries(lab.assembly.template.Resources)) {
      if (Type !== 'AWS::DynamoDB::Table') continue;
      const TableName = lab.resources.get(logicalId);
      const [key] = (Properties?.KeySchema ?? []) as { AttributeName: string }[];
      const name = key?.AttributeName ?? '';
      const { Items = [] } = await tables.send(new ScanCommand({ TableName }));
      for (const { [name]: value } of Items)
        await tables.send(new DeleteCommand({ TableName, Key: { [name]: value } }));
    }
  } finally {
    client.destroy();
  }
}
