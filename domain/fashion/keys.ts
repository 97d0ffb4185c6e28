import { LabError } from '../errors.ts';
import { isCalendarDate, isTimeOfDay } from '../shared/calendar.ts';
import { checkedDrop, type DateAndSlot, type Drop } from './drop.ts';

/**
 * The archive's keys, built and parsed in one place:
 *
 *     incoming/<id>                                              an upload whose hash is not known yet
 *     xlsx/date=YYYY-MM-DD/slot=HHMM/<stem>.xlsx                  the workbook as it was collected
 *     csv/date=YYYY-MM-DD/slot=HHMM/<stem>.csv                    its good rows
 *     rejected/date=YYYY-MM-DD/slot=HHMM/<stem>.csv               its bad rows
 *     corrections/date=YYYY-MM-DD/slot=HHMM/<stem>-<hash>.csv     what a person made of some of them
 *     manifest/<name>.json                                        what COPY reads
 *     replay/<run>/csv|rejected/date=…, replay/<run>/manifest/…   the same, written by a replay
 *
 * `<stem>` is `<mtime, YYYYMMDDTHHMMSSsssZ>-<first 16 digits of the SHA-256>-<file name>`: listing a slot gives its drops in
 * order. The file name keeps letters, digits, point, hyphen and underscore; each other byte of its UTF-8 is `=XX` (as in
 * quoted-printable, RFC 2045), so that a key is the same in a URL, in a shell and in an event. A name that does not end in
 * `.xlsx` is followed by a lone `=`.
 *
 * `<hash>` of corrections is the first 16 digits of their own SHA-256.
 *
 * A workbook that a person puts under xlsx/date=…/slot=…/ may have any name that ends in `.xlsx`.
 */
export type ArchiveKey = DropKey | WorkbookByHandKey | CorrectionsKey | ManifestKey | IncomingKey;

export interface DropKey extends DateAndSlot {
  kind: 'xlsx' | 'csv' | 'rejected';
  /** Epoch milliseconds. */
  modifiedAt: number;
  /** First 16 hexadecimal digits. */
  sha256Start: string;
  fileName: string;
  /** Id of the replay that wrote it. Never with xlsx. */
  run?: string;
}

/** A workbook without the prefix of a collected one: time and hash are the object's own. */
export interface WorkbookByHandKey extends DateAndSlot {
  kind: 'xlsx';
  modifiedAt?: undefined;
  sha256Start?: undefined;
  fileName: string;
  run?: undefined;
}

/** Corrections of rows of one drop. */
export interface CorrectionsKey extends DateAndSlot {
  kind: 'corrections';
  modifiedAt: number;
  sha256Start: string;
  fileName: string;
  /** First 16 hexadecimal digits of the corrections' own SHA-256. */
  correctionsStart: string;
}

export interface ManifestKey {
  kind: 'manifest';
  name: string;
  run?: string;
}

export interface IncomingKey {
  kind: 'incoming';
  id: string;
}

export const incomingPrefix = 'incoming/';
export const workbookPrefix = 'xlsx/';
export const csvPrefix = 'csv/';
export const rejectedPrefix = 'rejected/';
export const correctionsPrefix = 'corrections/';
export const manifestPrefix = 'manifest/';
export const replayPrefix = 'replay/';

/** Object metadata of every CSV: which transform wrote it. */
export const transformVersionField = 'transform-version';
/** Object metadata of every CSV: SHA-256 of the workbook that it was written from. */
export const workbookHashField = 'workbook-sha256';

/** `run`, here and below: the id of the replay that writes it; absent or null for the archive itself. */
export function incomingKey(id: string): string {
  return buildArchiveKey({ kind: 'incoming', id });
}

export function workbookKey(drop: Drop): string {
  return buildArchiveKey({ kind: 'xlsx', ...named(drop) });
}

export function csvKey(drop: Drop, run?: string | null): string {
  return buildArchiveKey({ kind: 'csv', ...named(drop), ...runOf(run) });
}

export function rejectedKey(drop: Drop, run?: string | null): string {
  return buildArchiveKey({ kind: 'rejected', ...named(drop), ...runOf(run) });
}

/** @param hash SHA-256 of the corrections */
export function correctionsKey(drop: Drop, hash: string): string {
  return buildArchiveKey({ kind: 'corrections', ...named(drop), correctionsStart: hash.slice(0, 16) });
}

export function manifestKey(name: string, run?: string | null): string {
  return buildArchiveKey({ kind: 'manifest', name, ...runOf(run) });
}

/** The prefix of one slot's workbooks, `xlsx/date=…/slot=…/`, or of what else there is of them. */
export function slotPrefix(
  { date, slot }: DateAndSlot,
  prefix: typeof workbookPrefix | typeof rejectedPrefix | typeof correctionsPrefix = workbookPrefix,
): string {
  return `${prefix}${folder({ date, slot })}/`;
}

/** `<mtime>-<hash>-<file name>`: the last segment of a drop's keys without its extension, usable as a manifest's name. */
export function dropStem(drop: Drop): string {
  return stem(named(drop));
}

function named(drop: Drop): Omit<DropKey, 'kind' | 'run'> {
  const { date, slot, modifiedAt, sha256, fileName } = checkedDrop(drop);
  return { date, slot, modifiedAt, sha256Start: sha256.slice(0, 16), fileName };
}

/** Throws ArchiveKeyInvalid when the parts do not make a key that parses back to them. */
export function buildArchiveKey(key: ArchiveKey): string {
  const built = assemble(key);
  // A segment that is too long, has a slash in it, or looks like another kind of key is found by reading it back.
  if (!sameKey(parseArchiveKey(built), key)) throw new LabError('ArchiveKeyInvalid', built);
  return built;
}

function assemble(key: ArchiveKey): string {
  switch (key.kind) {
    case 'incoming':
      return `${incomingPrefix}${key.id}`;
    case 'manifest':
      return `${replayOf(key.run)}${manifestPrefix}${key.name}.json`;
    case 'xlsx':
      return `${slotPrefix(key)}${key.modifiedAt === undefined ? key.fileName : `${stem(key as DropKey)}.xlsx`}`;
    case 'corrections':
      return `${slotPrefix(key, correctionsPrefix)}${stem(key)}-${key.correctionsStart}.csv`;
    default:
      return `${replayOf(key.run)}${key.kind}/${folder(key)}/${stem(key)}.csv`;
  }
}

const replayOf = (run: string | undefined) => (run === undefined ? '' : `${replayPrefix}${run}/`);
const folder = ({ date, slot }: DateAndSlot) => `date=${date}/slot=${slot}`;

const stem = ({
  modifiedAt,
  sha256Start,
  fileName,
}: Pick<DropKey, 'modifiedAt' | 'sha256Start' | 'fileName'>) =>
  `${compactTime(modifiedAt)}-${sha256Start}-${safeName(fileName)}`;

/** A date's ISO form without its punctuation. */
function compactTime(milliseconds: number): string {
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime()))
    throw new LabError('ArchiveKeyInvalid', `modification time ${milliseconds}`);
  return date.toISOString().replace(/[-:.]/g, '');
}

function fromCompactTime(text: string): number | undefined {
  const iso = text.replace(/^(\d{4})(\d{2})(\d{2}T\d{2})(\d{2})(\d{2})(\d{3}Z)$/, '$1-$2-$3:$4:$5.$6');
  const time = Date.parse(iso);
  return Number.isNaN(time) || compactTime(time) !== text ? undefined : time;
}

function sameKey(a: ArchiveKey, b: ArchiveKey): boolean {
  const fields = (key: ArchiveKey) =>
    Object.entries(key)
      .filter(([, value]) => value !== undefined)
      .sort();
  return JSON.stringify(fields(a)) === JSON.stringify(fields(b));
}

const extension = '.xlsx';
/** File systems allow 255 bytes; three characters each, they leave a key below S3's 1,024 bytes. */
const mostNameBytes = 255;

function safeName(fileName: string): string {
  const hasExtension = fileName.endsWith(extension);
  const bytes = Buffer.from(fileName.slice(0, hasExtension ? -extension.length : undefined));
  if (bytes.length > mostNameBytes)
    throw new LabError('ArchiveKeyInvalid', `a file name of ${bytes.length} bytes`);
  let safe = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    safe += /[A-Za-z0-9._-]/.test(character)
      ? character
      : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return hasExtension ? safe : `${safe}=`;
}

/** Undefined when it is not what {@link safeName} writes. */
function fromSafeName(safe: string): string | undefined {
  const hasExtension = !safe.endsWith('=');
  const bytes: number[] = [];
  for (const [, literal, hex = ''] of (hasExtension ? safe : safe.slice(0, -1)).matchAll(
    /([A-Za-z0-9._-])|=([0-9A-F]{2})|[\s\S]/g,
  )) {
    bytes.push(literal === undefined ? Number.parseInt(hex || '3F', 16) : literal.charCodeAt(0));
  }
  const fileName = Buffer.from(bytes).toString() + (hasExtension ? extension : '');
  return Buffer.byteLength(fileName) <= mostNameBytes + extension.length && safeName(fileName) === safe
    ? fileName
    : undefined;
}

const runPart = '(?:replay/(?<run>[A-Za-z0-9-]{1,64})/)?';
const folderPart = 'date=(?<date>\\d{4}-\\d{2}-\\d{2})/slot=(?<slot>\\d{4})/';
const incomingForm = /^incoming\/(?<id>[A-Za-z0-9._-]{1,128})$/;
const manifestForm = new RegExp(`^${runPart}manifest/(?<name>[A-Za-z0-9._=-]{1,900})\\.json$`);
const workbookForm = new RegExp(`^xlsx/${folderPart}(?<file>[^/]+\\.xlsx)$`);
const csvForm = new RegExp(`^${runPart}(?<kind>csv|rejected)/${folderPart}(?<file>[^/]+)\\.csv$`);
const correctionsForm = new RegExp(
  `^corrections/${folderPart}(?<file>[^/]+)-(?<corrections>[0-9a-f]{16})\\.csv$`,
);
const stemForm = /^(?<time>\d{8}T\d{9}Z)-(?<hash>[0-9a-f]{16})-(?<name>.+)$/;

/** Takes a key as S3 names it, not URL-encoded (EventBridge events give it so). Throws ArchiveKeyInvalid. */
export function parseArchiveKey(key: string): ArchiveKey {
  const parsed = Buffer.byteLength(key) <= 1024 ? parse(key) : undefined;
  if (!parsed) throw new LabError('ArchiveKeyInvalid', key.slice(0, 1024));
  return parsed;
}

function parse(key: string): ArchiveKey | undefined {
  const incoming = incomingForm.exec(key)?.groups;
  if (incoming) return { kind: 'incoming', id: incoming.id as string };
  const manifest = manifestForm.exec(key)?.groups;
  if (manifest) return { kind: 'manifest', name: manifest.name as string, ...runOf(manifest.run) };

  const workbook = workbookForm.exec(key)?.groups;
  const corrections = correctionsForm.exec(key)?.groups;
  const groups = workbook ?? corrections ?? csvForm.exec(key)?.groups;
  const place = { date: groups?.date ?? '', slot: groups?.slot ?? '' };
  const file = groups?.file;
  if (file === undefined || !isCalendarDate(place.date) || !isTimeOfDay(place.slot)) return undefined;
  const drop = parseStem(workbook ? file.slice(0, -extension.length) : file);
  if (workbook)
    return drop ? { kind: 'xlsx', ...place, ...drop } : { kind: 'xlsx', ...place, fileName: file };
  if (corrections)
    return (
      drop && {
        kind: 'corrections',
        ...place,
        ...drop,
        correctionsStart: corrections.corrections as string,
      }
    );
  return drop && { kind: groups?.kind as 'csv' | 'rejected', ...place, ...drop, ...runOf(groups?.run) };
}

function parseStem(text: string): Pick<DropKey, 'modifiedAt' | 'sha256Start' | 'fileName'> | undefined {
  const { time = '', hash = '', name = '' } = stemForm.exec(text)?.groups ?? {};
  const modifiedAt = fromCompactTime(time);
  const fileName = fromSafeName(name);
  return modifiedAt === undefined || !fileName || name === ''
    ? undefined
    : { modifiedAt, sha256Start: hash, fileName };
}

const runOf = (run: string | null | undefined) => (run == null ? {} : { run });
