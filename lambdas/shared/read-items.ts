import { BatchGetCommand, type DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';

/** The items of a table with these values of its partition key, as they are now; in no order, and none where there is none. */
export async function readItems(
  client: DynamoDBDocumentClient,
  table: string,
  key: string,
  values: readonly string[],
): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  const pending: Record<string, unknown>[] = values.map((value) => ({ [key]: value }));
  while (pending.length > 0) {
    const { Responses, UnprocessedKeys } = await client.send(
      // 100 keys are the most that one call takes.
      new BatchGetCommand({
        RequestItems: { [table]: { Keys: pending.splice(0, 100), ConsistentRead: true } },
      }),
    );
    items.push(...(Responses?.[table] ?? []));
    pending.push(...(UnprocessedKeys?.[table]?.Keys ?? []));
  }
  return items;
}
