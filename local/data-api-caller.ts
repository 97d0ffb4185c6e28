import { DescribeSecretCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { RoleJudge } from './iam.ts';
import type { ClientConfig } from './laptop.ts';
import {
  type AuthorizationRequest,
  type Caller,
  type RequiredAction,
  ServiceError,
} from './redshift-data/server.ts';

/** What AWS asks of an IAM identity whose tag names database roles; see `differences.ts` for what follows without it. */
const toHoldRoles: readonly RequiredAction[] = ['tag:GetResources', 'tag:GetTagKeys'].map((action) => ({
  action,
  resource: '*',
}));

/**
 * Who calls the Redshift Data API, and whether IAM lets him. Each function calls through a port of its own, which is in
 * the Host header. Whoever calls the server directly is the machine's owner, the root of the emulated account, or has
 * assumed a role: by the template the reader's, since no other one trusts the account.
 */
export function dataApiCallers(o: {
  account: string;
  /** Of the machine's owner, who may himself have a session somewhere. */
  owner: ClientConfig['credentials'];
  judge: Pick<RoleJudge, 'allows' | 'tag'>;
  secrets: SecretsManagerClient;
  /** Name of the role that calls through this host and port; undefined for no function's port. */
  roleAt: (host: string) => Promise<string | undefined>;
  /** Name of the role that may be assumed to read. */
  readerRole: () => Promise<string | undefined>;
}): (request: AuthorizationRequest) => Promise<Caller> {
  return async (request) => {
    const token = request.headers['x-amz-security-token'];
    const assumed = token !== undefined && token !== o.owner.sessionToken;
    const role =
      (await o.roleAt(String(request.headers.host ?? ''))) ?? (assumed ? await o.readerRole() : undefined);
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
    // Only a statement that is handed in runs as somebody with roles; the administrator has none.
    const asItself = /^(Batch)?ExecuteStatement$/.test(request.operation) && !admin;
    const roles = asItself ? await o.judge.tag(role, 'RedshiftDbRoles') : undefined;
    const needed: RequiredAction[] = [
      ...request.actions.map((each) =>
        each.resource === request.secretArn && secretArn ? { ...each, resource: secretArn } : each,
      ),
      ...(roles === undefined ? [] : toHoldRoles),
    ];
    const allowed = await Promise.all(
      needed.map(({ action, resource, context }) =>
        o.judge.allows(role, action, resource, context, { 'aws:userid': userId }),
      ),
    );
    const refused = needed[allowed.indexOf(false)];
    if (refused) {
      const { action, resource } = refused;
      throw new ServiceError(
        'AccessDeniedException',
        `User: ${principalArn} is not authorized to perform: ${action} on resource: ${resource} because no ` +
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
