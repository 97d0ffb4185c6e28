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
    // Only a statement that is handed in runs as somebody with roles.
    const handsIn = /^(Batch)?ExecuteStatement$/.test(request.operation);
    const targets = request.actions.map(({ resource }) =>
      resource === request.secretArn && secretArn ? secretArn : resource,
    );
    const [roles, ...allowed] = await Promise.all([
      handsIn ? o.judge.tag(role, 'RedshiftDbRoles') : undefined,
      ...request.actions.map(({ action, context }, index) =>
        o.judge.allows(role, action, targets[index] ?? '', context, { 'aws:userid': userId }),
      ),
    ]);
    const refused = allowed.indexOf(false);
    if (refused >= 0) {
      const action = request.actions[refused]?.action;
      throw new ServiceError(
        'AccessDeniedException',
        `User: ${principalArn} is not authorized to perform: ${action} on resource: ${targets[refused]} because no ` +
          `identity-based policy allows the ${action} action`,
      );
    }
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
