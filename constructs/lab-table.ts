import type { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';

export interface LabTableProps {
  /** Name of its partition key, a text; there is no sort key. */
  readonly key: string;
  /** @default RETAIN */
  readonly removalPolicy?: RemovalPolicy;
}

/** What a lab must know of each of its files, symbols, leases: billed by request, and can be brought back to any moment. */
export class LabTable extends Table {
  constructor(scope: Construct, id: string, { key, removalPolicy }: LabTableProps) {
    super(scope, id, {
      partitionKey: { name: key, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.AWS_MANAGED,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy,
    });
  }
}
