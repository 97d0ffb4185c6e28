import type { Template } from '../local/assembly.ts';

/** Puts an empty object where the trend would put one of rows: without it nothing would be loaded. */
const trend = `
const { PutObjectCommand, S3Client } = require('@aws-sdk/client-s3');
const s3 = new S3Client({});
exports.handler = async ({ Records }) => {
  const [first, last] = [Records[0], Records.at(-1)];
  const hour = new Date(first.kinesis.approximateArrivalTimestamp * 1000).toISOString().slice(0, 13).replace(/[-T]/g, '/');
  const shard = first.eventID.split(':')[0];
  const Key = \`rows/\${hour}/\${shard}-\${first.kinesis.sequenceNumber}-\${last.kinesis.sequenceNumber}.csv.gz\`;
  await s3.send(new PutObjectCommand({ Bucket: process.env.ARCHIVE_BUCKET, Key, Body: '' }));
};`;

/** Says which objects it would have loaded, in place of a manifest. */
const load = `
const { PutObjectCommand, S3Client } = require('@aws-sdk/client-s3');
const s3 = new S3Client({});
exports.handler = async ({ Records }, { awsRequestId }) => {
  const objects = Records.flatMap(({ body }) => JSON.parse(body).Records ?? []).map(({ s3 }) => decodeURIComponent(s3.object.key));
  const Key = \`manifest/\${awsRequestId}.json\`;
  await s3.send(new PutObjectCommand({ Bucket: process.env.ARCHIVE_BUCKET, Key, Body: JSON.stringify(objects) }));
  return { batchItemFailures: [] };
};`;

/** Logical ids of the functions that the stream and the queue of objects call. */
export function consumersOf(template: Template): { trend: string; load: string } {
  const mappings = Object.values(template.Resources).filter(
    ({ Type }) => Type === 'AWS::Lambda::EventSourceMapping',
  );
  const called = (byStream: boolean) => {
    const mapping = mappings.find(
      ({ Properties }) => (Properties?.StartingPosition !== undefined) === byStream,
    );
    const { Ref } = (mapping?.Properties?.FunctionName ?? {}) as { Ref?: string };
    if (Ref === undefined) throw new Error(`no function is called by the ${byStream ? 'stream' : 'queue'}`);
    return Ref;
  };
  return { trend: called(true), load: called(false) };
}

/**
 * Both functions become ones that do nothing but hand on, everything else of the stack stays: what ticks then take is the
 * emulator's part.
 */
export function doNothing(template: Template): void {
  const consumers = consumersOf(template);
  for (const [id, code] of [
    [consumers.trend, trend],
    [consumers.load, load],
  ] as const) {
    const properties = template.Resources[id]?.Properties;
    if (!properties) throw new Error(`no function ${id}`);
    properties.Code = { ZipFile: code };
    properties.Handler = 'index.handler';
  }
}
