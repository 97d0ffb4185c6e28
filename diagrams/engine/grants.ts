import { directionsOf } from './actions.ts';
import { bothWays, type Edge, edges } from './evidence/edge.ts';
import { at, referred, resourcesOfType, valuesNamed } from './references.ts';
import type { StackTemplate, TemplateResource } from './template.ts';

/**
 * What policies allow, as evidence: a write points from the user of a role to the resource, a read the other way.
 * Conditions are not weighed, a Deny is not subtracted, and what names no resource of the template (`*`, the secret that
 * Redshift makes) proves nothing.
 *
 * Source: IAM user guide, "IAM JSON policy element reference".
 */
export function grantsOf(template: StackTemplate): Edge[] {
  return [...identityGrants(template), ...resourceGrants(template), ...invocations(template)];
}

/** Properties by which a resource takes on a role. */
const roleProperties = new Set([
  'Role',
  'RoleArn',
  'RoleARN',
  'IamRoles',
  'TaskRoleArn',
  'ExecutionRoleArn',
  'DeliverLogsPermissionArn',
  'Credentials',
  'CredentialsArn',
  'InvocationRoleArn',
]);
const profileProperties = new Set(['IamInstanceProfile']);

/** What takes on a role in the name of something else: by type, the property that names it. */
const inTheNameOf: Readonly<Record<string, string>> = {
  'AWS::ApiGateway::Method': 'RestApiId',
  'AWS::ApiGatewayV2::Integration': 'ApiId',
};

/** Policies of roles. */
function identityGrants(template: StackTemplate): Edge[] {
  const users = roleUsers(template);
  return identityPolicies(template).flatMap(({ by, roles, document }) =>
    roles.flatMap((role) =>
      allowed(document).flatMap((statement) =>
        actedOn(
          by,
          statement,
          [...(users.get(role) ?? [])],
          referred(template, statement.Resource),
          template,
        ),
      ),
    ),
  );
}

/** A policy document, by the resource that holds it. */
interface Held {
  readonly by: string;
  readonly document: unknown;
}

/** Every policy of roles of the template, with the logical ids of the roles. */
export function identityPolicies(template: StackTemplate): (Held & { readonly roles: readonly string[] })[] {
  return [
    ...resourcesOfType(template, 'AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy').map((policy) => ({
      by: policy.logicalId,
      roles: rolesWith(policy, template),
      document: policy.properties.PolicyDocument,
    })),
    ...resourcesOfType(template, 'AWS::IAM::Role').flatMap(({ logicalId, properties }) =>
      at(properties, 'Policies.PolicyDocument').map((document) => ({
        by: logicalId,
        roles: [logicalId],
        document,
      })),
    ),
  ];
}

/** The roles that a policy names, and those that name it. */
const rolesWith = (policy: TemplateResource, template: StackTemplate) => [
  ...referred(template, policy.properties.Roles),
  ...resourcesOfType(template, 'AWS::IAM::Role')
    .filter(({ properties }) => referred(template, properties.ManagedPolicyArns).includes(policy.logicalId))
    .map(({ logicalId }) => logicalId),
];

/** Logical ids of those who use a role, by the role's. */
function roleUsers(template: StackTemplate): Map<string, Set<string>> {
  const users = new Map<string, Set<string>>();
  const profiles = new Map(
    resourcesOfType(template, 'AWS::IAM::InstanceProfile').map((profile) => [
      profile.logicalId,
      referred(template, profile.properties.Roles),
    ]),
  );
  for (const { logicalId, type, properties } of template.resources.values()) {
    if (type.startsWith('AWS::IAM::')) continue;
    const roles = [
      ...referred(template, valuesNamed(properties, roleProperties)),
      ...referred(template, valuesNamed(properties, profileProperties)).flatMap(
        (id) => profiles.get(id) ?? [],
      ),
    ];
    const property = inTheNameOf[type];
    const names = property === undefined ? [logicalId] : referred(template, properties[property]);
    for (const role of roles) users.set(role, new Set([...(users.get(role) ?? []), ...names]));
  }
  return users;
}

interface Statement {
  readonly Effect?: string;
  readonly Action?: unknown;
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

const allowed = (document: unknown): Statement[] =>
  (at(document, 'Statement') as Statement[]).filter(({ Effect }) => Effect === 'Allow');

/** The edges of one statement, between the resources that its actions are about and those who may act. */
function actedOn(
  by: string,
  statement: Statement,
  users: readonly string[],
  resources: readonly string[],
  template: StackTemplate,
): Edge[] {
  const actions = [statement.Action].flat().map(String);
  return resources.flatMap((resource) => {
    const { reads, writes, uses } = directionsOf(actions, template.resources.get(resource)?.type ?? '');
    return [
      ...(reads.length > 0 ? edges('grant', by, `may read: ${reads.join(', ')}`, [resource], users) : []),
      ...(writes.length > 0 ? edges('grant', by, `may write: ${writes.join(', ')}`, users, [resource]) : []),
      ...(uses.length > 0 ? bothWays('grant', by, `may use: ${uses.join(', ')}`, users, [resource]) : []),
    ];
  });
}

/** Where a type keeps its policy, and the property that names whose it is; none for the type's own. */
const resourcePolicies: Readonly<Record<string, readonly [document: string, owner?: string]>> = {
  'AWS::S3::BucketPolicy': ['PolicyDocument', 'Bucket'],
  'AWS::SQS::QueuePolicy': ['PolicyDocument', 'Queues'],
  'AWS::SNS::TopicPolicy': ['PolicyDocument', 'Topics'],
  'AWS::SecretsManager::ResourcePolicy': ['ResourcePolicy', 'SecretId'],
  'AWS::Kinesis::ResourcePolicy': ['ResourcePolicy', 'ResourceArn'],
  'AWS::KMS::Key': ['KeyPolicy'],
  'AWS::IAM::Role': ['AssumeRolePolicyDocument'],
};

/** Every policy of a resource itself, with the logical ids of the resources. */
export function ownPolicies(template: StackTemplate): (Held & { readonly owners: readonly string[] })[] {
  return [...template.resources.values()].flatMap(({ logicalId: by, type, properties }) => {
    const row = resourcePolicies[type];
    if (!row) return [];
    const [document, owner] = row;
    const owners = owner === undefined ? [by] : referred(template, properties[owner]);
    return [{ by, owners, document: properties[document] }];
  });
}

/** Policies of resources: services that act for a resource of the template, and roles of the template. */
function resourceGrants(template: StackTemplate): Edge[] {
  const users = roleUsers(template);
  return ownPolicies(template).flatMap(({ by, owners, document }) =>
    allowed(document).flatMap((statement) => {
      const roles = referred(template, at(statement.Principal, 'AWS'));
      const senders = [
        ...referred(template, sourceArns(statement.Condition)),
        ...roles.flatMap((role) => [...(users.get(role) ?? [])]),
      ];
      return actedOn(by, statement, senders, owners, template);
    }),
  );
}

/** `aws:SourceArn` under whichever operator; its name is written in many ways. */
function sourceArns(condition: unknown): unknown[] {
  const operators = Object.values((condition ?? {}) as Record<string, Record<string, unknown>>);
  return operators.flatMap((keys) =>
    Object.entries(keys)
      .filter(([name]) => name.toLowerCase() === 'aws:sourcearn')
      .map(([, value]) => value),
  );
}

/** Permissions of functions: who may call them. */
function invocations(template: StackTemplate): Edge[] {
  return resourcesOfType(template, 'AWS::Lambda::Permission').flatMap(({ logicalId: by, properties }) =>
    edges(
      'grant',
      by,
      `may write: ${properties.Action}`,
      referred(template, properties.SourceArn),
      referred(template, properties.FunctionName),
    ),
  );
}
