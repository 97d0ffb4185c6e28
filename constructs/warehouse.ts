import { ArnFormat, type Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import {
  AccountRootPrincipal,
  CompositePrincipal,
  Grant,
  type IGrantable,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnNamespace, CfnWorkgroup } from 'aws-cdk-lib/aws-redshiftserverless';
import { Construct } from 'constructs';
import type { loadEnvironment } from '../domain/warehouse/contract.ts';
import { acknowledge } from './acknowledge.ts';
import type { ArchiveBucket } from './archive-bucket.ts';
import { holdDatabaseRoles } from './database-roles.ts';
import { deployName } from './deploy-name.ts';
import { IsolatedVpc } from './isolated-vpc.ts';

export interface WarehouseProps {
  readonly key: IKey;
  /** What COPY may read: these prefixes of this archive, and nothing else anywhere. */
  readonly archive: ArchiveBucket;
  readonly copyPrefixes: string[];
  /** Role of the database that may read what the lab publishes; its migrations make it. */
  readonly readerDatabaseRole: string;
  /** Zones of its subnets, see IsolatedVpcProps. @default the first three of the region */
  readonly availabilityZones?: readonly string[];
  /** @default 'labs' */
  readonly databaseName?: string;
  /** Redshift Processing Units that the warehouse starts with; billed by the second while a query runs. @default 8 */
  readonly baseCapacity?: number;
  /** Upper bound in Redshift Processing Units, which also bounds the bill. @default 32 */
  readonly maxCapacity?: number;
  /** @default RETAIN */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * Redshift Serverless in three isolated subnets. Nothing reaches it over a network: clients speak to it through the Data
 * API or Query Editor v2, and it reads S3 through the gateway endpoint alone (enhanced VPC routing).
 */
export class Warehouse extends Construct {
  readonly databaseName: string;
  readonly workgroupName: string;
  readonly workgroupArn: string;
  /** Another one after the namespace was replaced, whatever its name. */
  readonly namespaceId: string;
  readonly namespaceName: string;
  readonly namespaceArn: string;
  /**
   * Name of the secret that Redshift makes and rotates. CloudFormation does not return its ARN, so it is found by the name
   * that Redshift gives it; the Data API takes a name as well.
   */
  readonly adminSecretName: string;
  readonly copyRole: Role;
  /** Who of this account wants to ask the warehouse assumes it, by an `sts:AssumeRole` of his own. It reads, and that alone. */
  readonly readerRole: Role;
  /** Whatever runs statements at deploy depends on this. */
  readonly workgroup: CfnWorkgroup;
  private readonly archive: ArchiveBucket;

  constructor(scope: Construct, id: string, props: WarehouseProps) {
    super(scope, id);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    this.archive = props.archive;
    this.databaseName = props.databaseName ?? 'labs';
    const network = new IsolatedVpc(this, 'Network', { availabilityZones: props.availabilityZones });

    this.copyRole = new Role(this, 'CopyRole', {
      description: 'Assumed by the warehouse for COPY; reads this archive alone',
      assumedBy: new CompositePrincipal(
        new ServicePrincipal('redshift-serverless.amazonaws.com'),
        new ServicePrincipal('redshift.amazonaws.com'),
      ),
    });
    props.archive.grantRead(this.copyRole, ...props.copyPrefixes);
    // COPY lists even when a manifest names each object.
    props.archive.grantList(this.copyRole);

    // The service has no generated names: both must be given, in 64 characters at most.
    const name = deployName(this, 64);
    const adminUsername = 'labs_admin';
    const logExports = ['userlog', 'connectionlog', 'useractivitylog'];
    // Redshift writes to groups of these names; those it makes itself are kept for ever and outlive the stack.
    const logs = logExports.map(
      (log) =>
        new LogGroup(this, `Log-${log}`, {
          logGroupName: `/aws/redshift/${name}/${log}`,
          retention: RetentionDays.THREE_MONTHS,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
    );
    const namespace = new CfnNamespace(this, 'Namespace', {
      namespaceName: name,
      dbName: this.databaseName,
      adminUsername,
      manageAdminPassword: true, // Redshift makes and rotates the secret; no password passes through a template
      kmsKeyId: props.key.keyArn,
      iamRoles: [this.copyRole.roleArn],
      logExports,
    });
    namespace.node.addDependency(...logs);
    namespace.applyRemovalPolicy(removalPolicy);
    this.namespaceId = namespace.attrNamespaceNamespaceId;
    this.namespaceName = namespace.ref;
    this.namespaceArn = namespace.attrNamespaceNamespaceArn;
    const securityGroup = new SecurityGroup(this, 'SecurityGroup', {
      vpc: network.vpc,
      description: 'Redshift Serverless: no ingress, clients use the Data API',
      allowAllOutbound: true, // there is no route out but the S3 endpoint
    });
    this.workgroup = new CfnWorkgroup(this, 'Workgroup', {
      workgroupName: name,
      namespaceName: namespace.namespaceName,
      baseCapacity: props.baseCapacity ?? 8,
      maxCapacity: props.maxCapacity ?? 32,
      enhancedVpcRouting: true, // without it COPY goes round the S3 endpoint
      publiclyAccessible: false,
      subnetIds: network.vpc.isolatedSubnets.map((subnet) => subnet.subnetId),
      securityGroupIds: [securityGroup.securityGroupId],
      configParameters: [{ parameterKey: 'require_ssl', parameterValue: 'true' }],
    });
    this.workgroup.addResourceDependency(namespace);
    // The data is the namespace's. A workgroup that stayed would keep its interfaces in the subnets, which could not go.
    this.workgroup.applyRemovalPolicy(RemovalPolicy.DESTROY);
    this.workgroupName = this.workgroup.getAtt('Workgroup.WorkgroupName').toString();
    this.workgroupArn = this.workgroup.getAtt('Workgroup.WorkgroupArn').toString();
    this.adminSecretName = `redshift!${namespace.namespaceName}-${adminUsername}`;

    this.readerRole = new Role(this, 'ReaderRole', {
      description:
        'Assumed by people and programs of this account that ask the warehouse; reads what the lab publishes',
      assumedBy: new AccountRootPrincipal(), // whoever of the account has sts:AssumeRole on it, and nobody else
    });
    holdDatabaseRoles(this.readerRole, props.readerDatabaseRole);
    this.grantStatements(this.readerRole, 'ExecuteStatement');
  }

  /** What a function is told that loads objects of the archive. @param patience for which a call waits for its statement */
  loaderEnvironment(patience: Duration): Record<(typeof loadEnvironment)[number], string> {
    return {
      ARCHIVE_BUCKET: this.archive.bucket.bucketName,
      WORKGROUP_NAME: this.workgroupName,
      DATABASE_NAME: this.databaseName,
      COPY_ROLE_ARN: this.copyRole.roleArn,
      STATEMENT_PATIENCE_SECONDS: String(patience.toSeconds()),
    };
  }

  /** Lets the grantee run statements as its own database user, and see those of its own alone. */
  grantStatements(
    grantee: IGrantable,
    ...operations: ('ExecuteStatement' | 'BatchExecuteStatement')[]
  ): Grant {
    return Grant.addToPrincipal({
      grantee,
      actions: [
        ...operations.map((operation) => `redshift-data:${operation}`),
        'redshift-serverless:GetCredentials',
      ],
      resourceArns: [this.workgroupArn],
    }).combine(this.grantResults(grantee));
  }

  /** Lets the grantee run statements as the administrator, by the managed secret. For migrations only. */
  grantAdminStatements(grantee: IGrantable): Grant {
    return Grant.addToPrincipal({
      grantee,
      actions: ['redshift-data:ExecuteStatement', 'redshift-data:BatchExecuteStatement'],
      resourceArns: [this.workgroupArn],
    })
      .combine(
        Grant.addToPrincipal({
          grantee,
          actions: ['secretsmanager:GetSecretValue'],
          resourceArns: [
            Stack.of(this).formatArn({
              service: 'secretsmanager',
              resource: 'secret',
              // Secrets Manager appends a hyphen and six characters to the name.
              resourceName: `${this.adminSecretName}-??????`,
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          ],
        }),
      )
      .combine(this.grantResults(grantee));
  }

  private grantResults(grantee: IGrantable): Grant {
    acknowledge(
      grantee.grantPrincipal as Role,
      'a statement has no ARN; a condition narrows the star to the own statements of this role',
      'IAM5[Resource::*]',
    );
    const actions = ['redshift-data:DescribeStatement', 'redshift-data:GetStatementResult'];
    return Grant.addToPrincipal({
      grantee,
      actions,
      // A statement has no ARN; the condition narrows the star to the grantee's own statements.
      resourceArns: ['*'],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable, filled in by IAM
      conditions: { StringEquals: { 'redshift-data:statement-owner-iam-userid': '${aws:userid}' } },
    });
  }
}
