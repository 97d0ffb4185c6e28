/** Where the fashion lab's data lies, and who may touch it. */
import { jest } from '@jest/globals';
import { Duration } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { unbundledApp } from '../../../local/synthesis.ts';
import { FashionStack } from '../../../stacks/fashion/fashion-stack.ts';
import {
  only,
  type Properties,
  plain,
  resourcesOf,
  statementsOf,
  synthesizeLabs,
  templateOf,
} from '../synthesized.ts';

jest.setTimeout(300_000); // the CDK loads most of itself at a first synth, on a machine that may be busy

const { fashion } = synthesizeLabs();
const [bucketId, bucket] = only(fashion, 'AWS::S3::Bucket', 'ArchiveBucket');
const [keyId] = only(fashion, 'AWS::KMS::Key');
const rules: Properties[] = bucket.Properties.LifecycleConfiguration.Rules;
const rule = (prefix: string) => rules.find((each) => each.Prefix === prefix);

describe('the archive', () => {
  it('keeps versions and is encrypted with the key of the lab', () => {
    expect(bucket.Properties.VersioningConfiguration).toEqual({ Status: 'Enabled' });
    expect(
      bucket.Properties.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault,
    ).toEqual({ SSEAlgorithm: 'aws:kms', KMSMasterKeyID: { 'Fn::GetAtt': [keyId, 'Arn'] } });
  });

  it('is never public, and neither is its access log', () => {
    const buckets = resourcesOf(fashion, 'AWS::S3::Bucket');
    for (const [, { Properties }] of buckets) {
      expect(Properties.PublicAccessBlockConfiguration).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
    }
  });

  it('refuses whoever comes without TLS, and so does its access log', () => {
    for (const [id] of resourcesOf(fashion, 'AWS::S3::Bucket')) {
      const policies = resourcesOf(fashion, 'AWS::S3::BucketPolicy').filter(
        ([, policy]) => policy.Properties.Bucket.Ref === id,
      );
      expect(policies.flatMap(([, policy]) => policy.Properties.PolicyDocument.Statement)).toContainEqual(
        expect.objectContaining({
          Effect: 'Deny',
          Action: 's3:*',
          Principal: { AWS: '*' },
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          Resource: [
            { 'Fn::GetAtt': [id, 'Arn'] },
            { 'Fn::Join': ['', [{ 'Fn::GetAtt': [id, 'Arn'] }, '/*']] },
          ],
        }),
      );
    }
  });

  it.each(['xlsx/', 'csv/', 'rejected/', 'corrections/'])(
    '%s goes to Glacier Instant Retrieval and stays 7 years',
    (prefix) => {
      expect(rule(prefix)).toMatchObject({
        Status: 'Enabled',
        Transitions: [{ StorageClass: 'GLACIER_IR', TransitionInDays: 30 }],
        ExpirationInDays: 7 * 365,
        NoncurrentVersionExpiration: { NoncurrentDays: 90 },
      });
    },
  );

  it('what is needed for a short time goes by itself, broken uploads too', () => {
    expect(rule('incoming/')).toMatchObject({ ExpirationInDays: 1 });
    expect(rule('manifest/')).toMatchObject({ ExpirationInDays: 90 });
    expect(rule('replay/')).toMatchObject({ ExpirationInDays: 90 });
    expect(rules).toContainEqual({
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      Status: 'Enabled',
    });
  });

  it('its times are props', () => {
    const stack = new FashionStack(unbundledApp(), 'Other', {
      archiveColdAfter: Duration.days(10),
      archiveKeptFor: Duration.days(400),
    });
    const buckets = Object.values(Template.fromStack(stack).findResources('AWS::S3::Bucket'));
    const changed = buckets.flatMap((each) => each.Properties.LifecycleConfiguration.Rules);
    expect(changed.find((each) => each.Prefix === 'xlsx/')).toMatchObject({
      Transitions: [{ TransitionInDays: 10 }],
      ExpirationInDays: 400,
    });
  });

  it('a time zone and slots are props too', () => {
    const stack = new FashionStack(unbundledApp(), 'Other', {
      timeZone: 'America/New_York',
      slots: ['0730'],
    });
    const [, schedule] = only(templateOf(stack), 'AWS::Scheduler::Schedule', 'At');
    expect(schedule.Properties).toMatchObject({
      ScheduleExpression: 'cron(30 7 * * ? *)',
      ScheduleExpressionTimezone: 'America/New_York',
    });
  });
});

describe('the warehouse', () => {
  const [, namespace] = only(fashion, 'AWS::RedshiftServerless::Namespace');
  const [workgroupId, workgroup] = only(fashion, 'AWS::RedshiftServerless::Workgroup');
  const name = plain(namespace.Properties.NamespaceName);
  const adminSecret = `redshift!${name}-${namespace.Properties.AdminUsername}`;

  it('Redshift makes the password of its administrator; none is in the template', () => {
    expect(namespace.Properties).toMatchObject({ ManageAdminPassword: true });
    expect(JSON.stringify(fashion.Resources)).not.toMatch(/AdminUserPassword|MasterUserPassword/);
  });

  it('is encrypted with the key of the lab, and its logs go where they expire', () => {
    expect(namespace.Properties.KmsKeyId).toEqual({ 'Fn::GetAtt': [keyId, 'Arn'] });
    for (const log of namespace.Properties.LogExports) {
      const group = resourcesOf(fashion, 'AWS::Logs::LogGroup').find(
        ([, { Properties }]) => plain(Properties.LogGroupName) === `/aws/redshift/${name}/${log}`,
      );
      expect(namespace.DependsOn).toContain(group?.[0]); // else Redshift makes one that nobody owns
    }
  });

  it('sits in three subnets in three different zones, out of the public', () => {
    const zones = workgroup.Properties.SubnetIds.map(
      ({ Ref }: { Ref: string }) => fashion.Resources[Ref]?.Properties.AvailabilityZone,
    );
    expect(zones).toEqual([0, 1, 2].map((index) => ({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] })));
    expect(workgroup.Properties).toMatchObject({ EnhancedVpcRouting: true, PubliclyAccessible: false });
    expect(workgroup.Properties.ConfigParameters).toContainEqual({
      ParameterKey: 'require_ssl',
      ParameterValue: 'true',
    });
  });

  it('its network has no way in, and no way out but S3', () => {
    const types = Object.values(fashion.Resources).map(({ Type }) => Type);
    expect(
      types.filter((type) => /NatGateway|InternetGateway|EIP|SecurityGroupIngress|VPCPeering/.test(type)),
    ).toEqual([]);
    expect(types.filter((type) => type === 'AWS::EC2::Route')).toEqual([]);
    for (const [, { Properties }] of resourcesOf(fashion, 'AWS::EC2::SecurityGroup'))
      expect(Properties.SecurityGroupIngress ?? []).toEqual([]);
    for (const [, { Properties }] of resourcesOf(fashion, 'AWS::EC2::Subnet'))
      expect(Properties.MapPublicIpOnLaunch).toBe(false);
    const [, endpoint] = only(fashion, 'AWS::EC2::VPCEndpoint');
    expect(endpoint.Properties.VpcEndpointType).toBe('Gateway');
    expect(plain(endpoint.Properties.ServiceName)).toMatch(/\.s3$/);
    const tables = resourcesOf(fashion, 'AWS::EC2::RouteTable').map(([id]) => `<${id}>`);
    expect(endpoint.Properties.RouteTableIds.map(plain).sort()).toEqual(tables.sort());
    expect(resourcesOf(fashion, 'AWS::EC2::FlowLog').map(([, each]) => each.Properties.TrafficType)).toEqual([
      'ALL',
    ]);
  });

  it('COPY reads csv/, manifest/ and replay/ of this archive, and nothing else', () => {
    const [copyRole] = only(fashion, 'AWS::IAM::Role', 'WarehouseCopyRole');
    const statements = statementsOf(fashion, copyRole);
    const objects = statements.filter((statement) => statement.Action.includes('s3:GetObject'));
    expect(objects.flatMap((statement) => statement.Resource)).toEqual(
      ['csv/*', 'manifest/*', 'replay/*'].map((path) => `<${bucketId}.Arn>/${path}`),
    );
    expect([...new Set(statements.flatMap((statement) => statement.Action))].sort()).toEqual([
      'kms:Decrypt',
      's3:GetObject',
      's3:ListBucket',
    ]);
    for (const statement of statements) {
      for (const resource of statement.Resource)
        expect(resource).toMatch(new RegExp(`^<(${bucketId}|${keyId})\\.Arn>`));
    }
    expect(namespace.Properties.IamRoles).toEqual([{ 'Fn::GetAtt': [copyRole, 'Arn'] }]);
  });

  it('the loader holds its own database role, the reader that for reading, and nobody else holds one', () => {
    const roles = resourcesOf(fashion, 'AWS::IAM::Role').flatMap(([id, { Properties }]) =>
      (Properties.Tags ?? [])
        .filter((tag: { Key: string }) => tag.Key === 'RedshiftDbRoles')
        .map((tag: { Value: string }) => [id.replace(/[0-9A-F]{8}$/, ''), tag.Value]),
    );
    expect(roles).toEqual([
      ['WarehouseReaderRole', 'fashion_reader'],
      ['LoadRole', 'fashion_loader'],
    ]);
  });

  it('the secret of the administrator is read by the migrations alone', () => {
    const readers = resourcesOf(fashion, 'AWS::IAM::Role').filter(([id]) =>
      statementsOf(fashion, id).some((statement) =>
        statement.Resource.some((each) => each.includes(adminSecret)),
      ),
    );
    expect(readers.map(([id]) => id.replace(/[0-9A-F]{8}$/, ''))).toEqual(['SchemaMigrateRole']);
    const handlers = resourcesOf(fashion, 'AWS::Lambda::Function').filter(([, { Properties }]) =>
      Object.values(Properties.Environment?.Variables ?? {}).some((each) => plain(each) === adminSecret),
    );
    expect(handlers.map(([id]) => id)).toEqual([expect.stringMatching(/^SchemaMigrate/)]);
  });

  it('who runs statements sees the results of its own alone', () => {
    const granted = resourcesOf(fashion, 'AWS::IAM::Role').flatMap(([id]) => statementsOf(fashion, id));
    const results = granted.filter((statement) =>
      statement.Action.includes('redshift-data:GetStatementResult'),
    );
    expect(results.length).toBeGreaterThan(0);
    for (const statement of results) {
      expect(statement.Condition).toEqual({
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable, filled in by IAM
        StringEquals: { 'redshift-data:statement-owner-iam-userid': '${aws:userid}' },
      });
    }
    const runners = granted.filter((statement) =>
      statement.Action.includes('redshift-data:ExecuteStatement'),
    );
    for (const statement of runners)
      expect(statement.Resource).toEqual([`<${workgroupId}.Workgroup.WorkgroupArn>`]);
  });

  it('nothing is imported before the tables are there', () => {
    const [migrations] = only(fashion, 'Custom::WarehouseMigrations');
    const [, machine] = only(fashion, 'AWS::StepFunctions::StateMachine', 'Import');
    expect(machine.DependsOn).toContain(migrations);
  });
});
