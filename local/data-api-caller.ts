import { DescribeSecretCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { RoleJudge } from './iam.ts';
import { type AuthorizationRequest, type Caller, ServiceError } from './redshift-data/server.ts';

/**
 * Who calls the Redshift Data API, and whether IAM lets him. Each function calls through a port of its own, which is in
 * the Host header; whoever calls the server directly is the machine's owner, the root of the emulated account.
 */
export function dataApiCallers(o: {
  account: string;
  judge: RoleJudge;
  secrets: SecretsManagerClient;
  /** Name of the role that calls through this host and port; undefined for no function's port. */
  roleAt: (host: string) => Promise<string | undefined>;
}): (request: AuthorizationRequest) => Promise<Caller> {
  return async (request) => {
    const role = await o.roleAt(String(request.headers.host ?? ''));
    const secretArn = request.secretArn === undefined ? undefined : await arnOf(o.secrets, request.secretArn);
    const admin = secretArn !== undefined;
    if (role === undefined) {
      return {
        principalArn: `arn:aws:iam::${o.account}:root`,
        userId: o.account,
        databaseUser: 'IAM:root',
        databaseRoles: [],
        admin: true,
      };
    }
    const userId = `${role}:laptop`;
    const principalArn = `arn:aws:sts::${o.account}:assumed-role/${role}/laptop`;
    for (const { action, resource, context } of request.actions) {
      const target = resource === request.secretArn && secretArn ? secretArn : resource;
      if (!(await o.judge.allows(role, action, target, context, { 'aws:userid': userId }))) {
        throw new ServiceError(
          'AccessDeniedException',
          `User: ${principalArn} is not authorized to perform: ${action} on resource: ${target} because no ` +
            `identity-based policy allows the ${action} action`,
        );
      }
    }
    const roles = await o.judge.tag(role, 'RedshiftDbRoles');
    return {
      principalArn,
      userId,
      databaseUser: `IAMR:${role}`,
      databaseRoles: roles?.split(':') ?? [],
      admin,
    };
  };
}

/** The Data API takes a secret's name as well as its ARN; IAM judges the ARN. */
async function arnOf(secrets: SecretsManagerClient, nameOrArn: string): Promise<string> {
  try {
    const { ARN } = await secrets.send(new DescribeSecretCommand({ SecretId: nameOrArn }));
    return ARN ?? nameOrArn;
  } catch {
    throw new ServiceError(
      'ValidationException',
      `Secrets Manager can't find the specified secret: ${nameOrArn}`,
    );
  }
}
