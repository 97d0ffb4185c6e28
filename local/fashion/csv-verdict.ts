import { LabError } from '../../domain/errors.ts';
import { csvKey, type ImportInput, type Transformed } from '../../domain/fashion/contract.ts';
import type { Archive } from './archive.ts';
import { type ArchivedCorrections, stillSetAside } from './corrected-replay.ts';
import { type CsvComparison, compareCsv } from './csv-difference.ts';
import { howMany } from './quarantine.ts';

/** What is to be said of a drop's CSV, in a word and in lines; `ok` false makes the command fail. */
export interface CsvVerdict {
  word: string;
  lines: string[];
  ok: boolean;
}

/** The drop's CSV against the archive's. Throws AwsCallFailed, QuarantineUnreadable. */
export async function csvVerdict(
  archive: Archive,
  from: ImportInput['from'],
  key: string,
  replayed: Transformed,
  corrections: ArchivedCorrections | undefined,
): Promise<CsvVerdict> {
  const { drop: of, csvKey: written, csvSha256, transformVersion } = replayed;
  if (from === 'csv') {
    const line = `loaded from the archived csv, transform version ${transformVersion}, sha256 ${csvSha256}`;
    return { word: 'archived', lines: [line], ok: true };
  }
  const archivedKey = csvKey(of);
  const before = await archive.open(archivedKey);
  if (!before) return noneArchived(archive, key, archivedKey, replayed, corrections);
  let after: Awaited<ReturnType<Archive['open']>>;
  try {
    after = await archive.open(written);
    if (!after) throw new LabError('AwsCallFailed', `the csv of the replay is gone: ${written}`);
  } catch (error) {
    before.body.destroy();
    throw error;
  }
  const comparison = await compareCsv(before.body, after.body, archive.signal);
  if (corrections && isContinued(comparison))
    return withCorrections(archive, comparison, corrections, replayed);
  if (comparison.identical) {
    const line = `csv byte-identical to the archived one, sha256 ${comparison.archived.sha256}`;
    return { word: 'identical', lines: [line], ok: true };
  }
  // The corrections are no other version of the transform.
  return difference(comparison, before.version, (after.version ?? transformVersion).replace(/\.c.*$/, ''));
}

/** True when the archived CSV is the beginning of the other, or all of it. */
function isContinued({ identical, differences }: CsvComparison): boolean {
  return identical || differences[0]?.archived === undefined;
}

/** The rows that were good come first, so the archived CSV is the beginning of the corrected one. */
async function withCorrections(
  archive: Archive,
  { archived, replayed }: CsvComparison,
  corrections: ArchivedCorrections,
  result: Transformed,
): Promise<CsvVerdict> {
  const still = await stillSetAside(archive, corrections.rows, result);
  const good = corrections.rows.size - still.count;
  return {
    word: `archived + ${good}`,
    ok: true,
    lines: [
      `csv is the archived one, sha256 ${archived.sha256}, and ${howMany(good)} more: sha256 ${replayed.sha256}`,
      ...still.lines,
    ],
  };
}

async function noneArchived(
  archive: Archive,
  key: string,
  archivedKey: string,
  result: Transformed,
  corrections: ArchivedCorrections | undefined,
): Promise<CsvVerdict> {
  const { bucket } = archive;
  const lines = [
    `the archive holds no csv of this drop to compare with: ${archivedKey}`,
    `  the replay's, kept for a while: s3://${bucket}/${result.csvKey}`,
  ];
  if (corrections) lines.push(...(await stillSetAside(archive, corrections.rows, result)).lines);
  else
    lines.push(
      `  to archive one, put the workbook back: aws s3 cp --metadata-directive REPLACE 's3://${bucket}/${key}' 's3://${bucket}/${key}'`,
    );
  return { word: 'none archived', lines, ok: true };
}

/** Another version of the transform may write other bytes; the same one may not. */
function difference(
  { archived, replayed, differences }: CsvComparison,
  archivedVersion: string | undefined,
  replayedVersion: string,
): CsvVerdict {
  const expected = archivedVersion !== undefined && archivedVersion !== replayedVersion;
  return {
    word: expected ? 'differs' : '✗ differs',
    ok: expected,
    lines: [
      expected
        ? 'csv differs from the archived one, which another version of the transform wrote'
        : '✗ csv differs from the archived one, and no other version of the transform says that it wrote it',
      `  archived: transform version ${archivedVersion ?? 'unknown'}, ${size(archived)}`,
      `  replayed: transform version ${replayedVersion}, ${size(replayed)}`,
      ...differences.flatMap((each) => [
        `  line ${each.line}`,
        `    archived ${each.archived ?? '(ended)'}`,
        `    replayed ${each.replayed ?? '(ended)'}`,
      ]),
    ],
  };
}

const size = (file: CsvComparison['archived']) =>
  `${file.lines.toLocaleString('en-US')} lines, ${file.bytes.toLocaleString('en-US')} bytes, sha256 ${file.sha256}`;
