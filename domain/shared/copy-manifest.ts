/** An object that COPY must read. */
export interface CopiedObject {
  key: string;
  bytes: number;
}

/**
 * The JSON of a manifest of mandatory entries. COPY's path is a prefix: without a manifest it might read a neighbour, or
 * nothing.
 */
export function copyManifest(bucket: string, objects: readonly CopiedObject[]): string {
  return JSON.stringify({
    entries: objects.map(({ key, bytes }) => ({
      url: `s3://${bucket}/${key}`,
      mandatory: true,
      meta: { content_length: bytes },
    })),
  });
}
