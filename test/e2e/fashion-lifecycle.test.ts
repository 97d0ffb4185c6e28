import { CopyObjectCommand } from '@aws-sdk/client-s3';
import { deployFashionLab } from '../../local/fashion/lab.ts';
import { calendar, importDrop, keysBelow, stockOf } from './fashion-lab.ts';
import { lifecycle } from './lifecycle.ts';

const nextDate = calendar('2026-03-02');

lifecycle({
  deploy: (laptop, progress) => deployFashionLab(laptop, progress, true),
  pass: async (lab) => {
    const date = nextDate();
    const bytes = await stockOf({ 'HF-1': 1, 'HF-2': 2 });
    expect(await importDrop(lab, bytes, { date, slot: '0600' })).toMatchObject({ status: 'SUCCEEDED' });
  },
  rows: 'SELECT COUNT(*)::int AS rows FROM fashion.position_history',
  drain: async () => undefined,
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
