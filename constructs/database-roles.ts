import { Tags } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { acknowledge } from './acknowledge.ts';

/**
 * Sessions of this IAM role hold these roles of the database. Redshift Serverless reads their names, separated by colons,
 * from the tag, and wants the role to be allowed to see tags. Names that the database does not know are passed over.
 * ("Defining database roles to grant to federated users", Amazon Redshift Management Guide)
 */
export function holdDatabaseRoles(role: Role, ...databaseRoles: string[]): void {
  Tags.of(role).add('RedshiftDbRoles', databaseRoles.join(':'));
  acknowledge(
    role,
    'reading tags has no resource to name, and Redshift wants it of whoever gets database roles',
    'IAM5[Resource::*]',
  );
  role.addToPrincipalPolicy(
    new PolicyStatement({ actions: ['tag:GetResources', 'tag:GetTagKeys'], resources: ['*'] }),
  );
}
