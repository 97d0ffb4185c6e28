import { setTimeout as sleep } from 'node:timers/promises';
import { CopyObjectCommand } from '@aws-sdk/client-s3';
import { deployFashionLab } from '../../local/fashion/lab.ts';
import { archivedAs, calendar, type FashionLab, keysBelow, putObject, stockOf } from './fashion-lab.ts';
import { lifecycle } from './lifecycle.ts';

const nextDate = calendar('2026-03-02');
let drops = 0;

/** Puts a workbook of two articles into the archive. @returns its key */
async function sendDrop(lab: FashionLab): Promise<string> {
  const bytes = await stockOf({ 'HF-1': 1, 'HF-2': 2 });
  const key = archivedAs(bytes, { date: nextDate(), slot: '0600' });
  await putObject(lab, key, bytes);
  drops += 1;
  return key;
}

lifecycle<FashionLab>({
  deploy: (laptop, progress) => deployFashionLab(laptop, progress, true),
  pass: async (lab) => {
    expect(await lab.driver.imported(await sendDrop(lab))).toMatchObject({ status: 'SUCCEEDED' });
  },
  // On its way once its arrival has started an import.
  send: async (lab) => {
    const key = await sendDrop(lab);
    while ((await lab.driver.imports(key)).length === 0) await sleep(20);
  },
  sent: () => 2 * drops,
  rows: 'SELECT COUNT(*)::int AS rows FROM fashion.position_history',
  bringIn: async (lab, oldArchive) => {
    const bucket = lab.output('ArchiveBucketName');
    for (const Key of await keysBelow(lab, 'xlsx/', oldArchive)) {
      await lab.driver.s3.send(
        new CopyObjectCommand({ Bucket: bucket, Key, CopySource: `${oldArchive}/${Key}` }),
      );
      expect(await lab.driver.imported(Key)).toMatchObject({ status: 'SUCCEEDED' });
    }
  },
});
