import { PutBucketEncryptionCommand, S3Client } from '@aws-sdk/client-s3';
import type { LocalAssembly } from './assembly.ts';
import type { ClientConfig } from './laptop.ts';

interface Rule {
  BucketKeyEnabled?: boolean;
  ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' | 'AES256'; KMSMasterKeyID?: unknown };
}

/**
 * Sets the default encryption that the template gives its buckets: the emulator's CloudFormation leaves it out, and
 * without it no one would see that a role lacks rights on the key.
 *
 * @param resources physical ids by logical id
 */
export async function encryptBuckets(
  clients: ClientConfig,
  template: LocalAssembly['template'],
  resources: ReadonlyMap<string, string>,
): Promise<void> {
  const s3 = new S3Client({ ...clients, forcePathStyle: true });
  try {
    for (const [logicalId, { Type, Properties }] of Object.entries(template.Resources)) {
      const encryption = Properties?.BucketEncryption as
        | { ServerSideEncryptionConfiguration: Rule[] }
        | undefined;
      if (Type !== 'AWS::S3::Bucket' || !encryption) continue;
      const Rules = encryption.ServerSideEncryptionConfiguration.map((rule) => ({
        BucketKeyEnabled: rule.BucketKeyEnabled,
        ApplyServerSideEncryptionByDefault: {
          SSEAlgorithm: rule.ServerSideEncryptionByDefault.SSEAlgorithm,
          KMSMasterKeyID: keyId(rule.ServerSideEncryptionByDefault.KMSMasterKeyID, resources),
        },
      }));
      await s3.send(
        new PutBucketEncryptionCommand({
          Bucket: resources.get(logicalId),
          ServerSideEncryptionConfiguration: { Rules },
        }),
      );
    }
  } finally {
    s3.destroy();
  }
}

/** A key of the same template, or one given as text. */
function keyId(key: unknown, resources: ReadonlyMap<string, string>): string | undefined {
  if (key === undefined || typeof key === 'string') return key;
  const { Ref, 'Fn::GetAtt': attribute } = key as { Ref?: string; 'Fn::GetAtt'?: [string, string] };
  return resources.get(Ref ?? attribute?.[0] ?? '');
}
