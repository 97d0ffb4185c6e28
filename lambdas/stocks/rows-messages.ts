import * as z from 'zod';
import { LabError } from '../../domain/errors.ts';
import type { CopiedObject } from '../../domain/shared/copy-manifest.ts';
import { parseKey } from '../../domain/stocks/keys.ts';
import type { LoadResult } from './object-loads.ts';

/** A message of the queue, and the new objects that it tells of. */
export interface RowsMessage {
  id: string;
  objects: CopiedObject[];
}

/** A message that tells of nothing that can be loaded; it goes the way of what fails, to where a person looks. */
export interface UnreadableMessage {
  id: string;
  error: Error;
}

/**
 * What S3 sends: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html, and one message
 * without records when the notification is set up.
 */
const notification = z.union([
  z.object({
    Records: z.array(z.object({ s3: z.object({ object: z.object({ key: z.string(), size: z.number() }) }) })),
  }),
  z.object({ Event: z.literal('s3:TestEvent') }).transform(() => ({ Records: [] })),
]);

/**
 * Loads what the messages tell of, each object once. `back`: ids of the messages whose objects are not all in SQL, and of
 * those that tell of nothing that can be loaded.
 */
export async function loadMessages(
  records: readonly { messageId: string; body: string }[],
  load: (objects: CopiedObject[]) => Promise<LoadResult>,
): Promise<LoadResult & { unreadable: UnreadableMessage[]; back: string[] }> {
  const { messages, unreadable } = readRowsMessages(records);
  const objects = new Map(messages.flatMap((each) => each.objects).map((object) => [object.key, object]));
  const result = objects.size === 0 ? { loads: [], failed: [] } : await load([...objects.values()]);
  const left = new Set(result.failed.flatMap((each) => each.objects.map(({ key }) => key)));
  const unloaded = messages.filter((message) => message.objects.some(({ key }) => left.has(key)));
  return { ...result, unreadable, back: [...unreadable, ...unloaded].map(({ id }) => id) };
}

function readRowsMessages(records: readonly { messageId: string; body: string }[]): {
  messages: RowsMessage[];
  unreadable: UnreadableMessage[];
} {
  const messages: RowsMessage[] = [];
  const unreadable: UnreadableMessage[] = [];
  for (const { messageId: id, body } of records) {
    try {
      messages.push({ id, objects: objectsOf(body) });
    } catch (error) {
      unreadable.push({ id, error: error as Error });
    }
  }
  return { messages, unreadable };
}

/** @throws StockKeyInvalid for an object that is not one of rows, ZodError and SyntaxError for another text */
function objectsOf(body: string): CopiedObject[] {
  const { Records } = notification.parse(JSON.parse(body));
  return Records.map(({ s3: { object } }) => {
    // As in a form: a space is a plus.
    const key = decodeURIComponent(object.key.replaceAll('+', ' '));
    if (parseKey(key).kind !== 'rows') throw new LabError('StockKeyInvalid', key);
    return { key, bytes: object.size };
  });
}
