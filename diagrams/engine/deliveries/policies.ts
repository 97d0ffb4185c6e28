import { account, arn, arnOf, inFull } from '../arns.ts';
import { identityPolicies, ownPolicies } from '../grants.ts';
import { at, referred, resourcesOfType } from '../references.ts';
import type { StackTemplate } from '../template.ts';

/**
 * What IAM says to a request, by the policies of the template.
 * Source: IAM user guide, "Policy evaluation logic", "IAM JSON policy elements: Condition operators"; KMS developer guide, "Key
 * policies" (policies of roles count only as far as the key's policy leaves it to the account).
 */
export interface Request {
  /** Who acts: a service by its principal, or a role of the template by its logical id. */
  readonly as: { readonly service: string } | { readonly role: string };
  readonly action: string;
  /** An ARN; `…/*` is some object of a bucket, whichever; none where any will do. */
  readonly resource?: string | undefined;
  /** Logical id of the resource whose own policy is asked, too. */
  readonly owner?: string | undefined;
  /** Condition keys that the request carries, in lower case. A key that is not here is not carried. */
  readonly context: Readonly<Record<string, string>>;
}

export interface Verdict {
  /** The statements that allow it, by logical id and number: `TopicPolicy/1`; of a key's, two: `Policy/3, Key/0`. */
  readonly by?: string;
  /** What is missing, for people. */
  readonly missing?: string;
}

/** A statement, every value as CloudFormation would write it. */
interface Statement {
  /** Logical id of the resource that has it, and its number there: `TopicPolicy/1`, `Role/Policies/0`. */
  readonly id: string;
  readonly denies: boolean;
  readonly action: Element;
  readonly resource: Element;
  readonly principal: Element;
  readonly conditions: readonly (readonly [operator: string, key: string, values: readonly string[]])[];
}

/** `Action` or `NotAction`, and so on; no texts where a statement has neither. */
interface Element {
  readonly texts?: readonly string[];
  readonly negated: boolean;
}

/** Statements, and whose they are by logical id. */
interface Policy {
  readonly of: readonly string[];
  readonly statements: readonly Statement[];
}

/** AWS's own policies that the CDK gives to roles. Source: AWS managed policy reference. */
const managed: Readonly<Record<string, readonly string[]>> = {
  AWSLambdaBasicExecutionRole: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
  AWSLambdaVPCAccessExecutionRole: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
};

/** A permission as a statement of the policy of the function that it names. */
const permission = ({ Action, Principal, SourceArn, SourceAccount }: Written) => ({
  Effect: 'Allow',
  Action,
  Principal: { Service: Principal },
  Resource: '*',
  Condition: {
    ...(SourceArn !== undefined && { ArnLike: { 'aws:SourceArn': SourceArn } }),
    ...(SourceAccount !== undefined && { StringEquals: { 'aws:SourceAccount': SourceAccount } }),
  },
});

type Written = Readonly<Record<string, unknown>>;

const read = new WeakMap<StackTemplate, { identity: readonly Policy[]; own: readonly Policy[] }>();

/** Every policy of the template: those of roles, and those of resources themselves. */
function policiesOf(template: StackTemplate) {
  const known = read.get(template);
  if (known) return known;
  const statements = (by: string, written: readonly unknown[]) =>
    written.map((one, index) => statement(`${by}/${index}`, one as Written, template));
  const document = (by: string, value: unknown) => statements(by, at(value, 'Statement'));
  const groups = resourcesOfType(template, 'AWS::Logs::LogGroup').map(({ logicalId }) => logicalId);
  const policies = {
    identity: [
      ...identityPolicies(template).map(({ by, roles, document: value }) => ({
        of: roles,
        // The trust of a role has its numbers, too.
        statements: document(roles.includes(by) ? `${by}/Policies` : by, value),
      })),
      ...resourcesOfType(template, 'AWS::IAM::Role').map(({ logicalId, properties }) => ({
        of: [logicalId],
        statements: at(properties, 'ManagedPolicyArns').flatMap((value) => {
          const name = inFull(value, template).split('/').at(-1) ?? '';
          return statements(
            `${logicalId}/${name}`,
            name in managed ? [{ Action: managed[name], Resource: '*' }] : [],
          );
        }),
      })),
    ],
    own: [
      ...ownPolicies(template).map(({ by, owners, document: value }) => ({
        of: owners,
        statements: document(by, value),
      })),
      ...resourcesOfType(template, 'AWS::Lambda::Permission').map(({ logicalId, properties }) => ({
        of: referred(template, properties.FunctionName),
        statements: statements(logicalId, [permission(properties)]),
      })),
      // One for all logs of the account.
      ...resourcesOfType(template, 'AWS::Logs::ResourcePolicy').map(({ logicalId, properties }) => ({
        of: groups,
        statements: document(logicalId, JSON.parse(inFull(properties.PolicyDocument, template))),
      })),
    ],
  };
  read.set(template, policies);
  return policies;
}

function statement(id: string, written: Written, template: StackTemplate): Statement {
  const texts = (value: unknown) => [value].flat().map((one) => inFull(one, template));
  const element = (name: string, flat: (value: unknown) => string[] = texts): Element => {
    const negated = `Not${name}` in written;
    const value = written[negated ? `Not${name}` : name];
    return value === undefined ? { negated } : { texts: flat(value), negated };
  };
  const conditions = Object.entries((written.Condition ?? {}) as Record<string, Written>);
  return {
    id,
    denies: written.Effect === 'Deny',
    action: element('Action'),
    resource: element('Resource'),
    principal: element('Principal', (value) =>
      typeof value === 'object' ? Object.values(value as object).flatMap(texts) : texts(value),
    ),
    conditions: conditions.flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, values]) => [operator, key, texts(values)] as const),
    ),
  };
}

/** The account as a whole: what is allowed to it is left to the policies of its roles. */
const wholeAccount = [arn('iam', 'root', `:${account}`), account];

/** Whether the request is allowed, and by what. */
export function verdictOn(request: Request, template: StackTemplate): Verdict {
  const { as, owner } = request;
  const { identity, own } = policiesOf(template);
  const about = (policies: readonly Policy[], id: string | undefined, whom: readonly string[]) =>
    policies
      .filter(({ of }) => id !== undefined && of.includes(id))
      .flatMap(({ statements }) => statements)
      .filter((one) => isAbout(one, request, whom));
  const context = { ...contextOf(as, template), ...request.context };
  const holding = (one: Statement) => unmet(one, context) === undefined;
  const self = 'service' in as ? as.service : arnOf(template, as.role);
  const direct = about(own, owner, ['*', self]);
  const left = 'role' in as ? about(own, owner, wholeAccount) : [];
  const byRole = about(identity, 'role' in as ? as.role : undefined, []);
  const denied = [...direct, ...left, ...byRole].find((one) => one.denies && holding(one));
  if (denied) return { missing: `${denied.id} denies it` };
  const allowing = [...direct, ...byRole].filter(({ denies }) => !denies);
  const allowed = allowing.find(holding);
  if (!allowed) {
    const [near] = allowing;
    return {
      missing: near ? `${near.id} allows it only where ${unmet(near, context)}` : 'no statement allows it',
    };
  }
  if (direct.includes(allowed) || template.resources.get(owner ?? '')?.type !== 'AWS::KMS::Key')
    return { by: allowed.id };
  const leaving = left.find((one) => !one.denies && holding(one));
  return leaving
    ? { by: `${allowed.id}, ${leaving.id}` }
    : { missing: 'the policy of the key leaves it to no policy of a role' };
}

/** What every request of theirs carries: services and the SDK speak TLS. */
const contextOf = (as: Request['as'], template: StackTemplate): Record<string, string> => ({
  'aws:securetransport': 'true',
  's3:tlsversion': '1.3',
  ...('service' in as
    ? { 'aws:principalisawsservice': 'true', 'aws:principalservicename': as.service }
    : {
        'aws:principalisawsservice': 'false',
        'aws:principalarn': arnOf(template, as.role),
        'aws:principalaccount': account,
        'kms:calleraccount': account,
      }),
});

/** Whether a statement is about the request, conditions aside. @param whom as which principals it may name who acts */
function isAbout(one: Statement, { action, resource }: Request, whom: readonly string[]): boolean {
  const fits = ({ texts, negated }: Element, fit: (text: string) => boolean) =>
    texts === undefined || texts.some(fit) !== negated;
  return (
    fits(one.action, (pattern) => like(pattern.toLowerCase(), action.toLowerCase())) &&
    fits(
      one.resource,
      (pattern) =>
        resource === undefined ||
        like(pattern, resource) ||
        (resource.endsWith('/*') && pattern.startsWith(resource.slice(0, -1))),
    ) &&
    fits(one.principal, (text) => whom.includes(text))
  );
}

/** The first condition that does not hold, for people. */
function unmet({ conditions, denies }: Statement, context: Request['context']): string | undefined {
  const found = conditions.find(
    ([operator, key, values]) => !holds(operator, context[key.toLowerCase()], values, denies),
  );
  if (!found) return undefined;
  const [operator, key, values] = found;
  return `${operator} ${key} ${values.join(', ')}; it carries ${context[key.toLowerCase()] ?? 'none'}`;
}

/** `*` and `?` of a pattern are wildcards. */
function like(pattern: string, text: string): boolean {
  if (!/[*?]/.test(pattern)) return pattern === text;
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`).test(text);
}

const operators: Readonly<Record<string, (carried: string, wanted: string) => boolean>> = {
  StringEquals: (carried, wanted) => carried === wanted,
  StringEqualsIgnoreCase: (carried, wanted) => carried.toLowerCase() === wanted.toLowerCase(),
  StringLike: (carried, wanted) => like(wanted, carried),
  ArnEquals: (carried, wanted) => like(wanted, carried),
  ArnLike: (carried, wanted) => like(wanted, carried),
  Bool: (carried, wanted) => carried.toLowerCase() === wanted.toLowerCase(),
  NumericEquals: (carried, wanted) => Number(carried) === Number(wanted),
  NumericLessThan: (carried, wanted) => Number(carried) < Number(wanted),
  NumericLessThanEquals: (carried, wanted) => Number(carried) <= Number(wanted),
  NumericGreaterThan: (carried, wanted) => Number(carried) > Number(wanted),
  NumericGreaterThanEquals: (carried, wanted) => Number(carried) >= Number(wanted),
};

/** @param unknown whether an operator that is not in the table holds: for the worst, it does in a Deny alone */
function holds(
  written: string,
  carried: string | undefined,
  wanted: readonly string[],
  unknown: boolean,
): boolean {
  const operator = written.replace(/^For(All|Any)Values?:/, '').replace(/IfExists$/, '');
  if (operator === 'Null') return wanted.includes(String(carried === undefined));
  const negated = /^(String|Arn|Numeric)Not/.test(operator);
  if (carried === undefined)
    return negated || written.endsWith('IfExists') || written.startsWith('ForAllValues');
  const compare = operators[operator.replace(/^(String|Arn|Numeric)Not/, '$1')];
  return compare ? wanted.some((one) => compare(carried, one)) !== negated : unknown;
}
