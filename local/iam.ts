import {
  GetRolePolicyCommand,
  IAMClient,
  type IAMClientConfig,
  ListRolePoliciesCommand,
  ListRoleTagsCommand,
  SimulateCustomPolicyCommand,
} from '@aws-sdk/client-iam';

interface Statement {
  Condition?: Record<string, Record<string, string | string[]>>;
  [key: string]: unknown;
}

interface PolicyDocument {
  Version: string;
  Statement: Statement[];
}

/**
 * Whether a role may do something, asked of the emulator's IAM. Its simulation ignores the context that is sent along, so
 * StringEquals conditions on the given context keys are decided here, and the simulation sees the statements that hold.
 */
export class RoleJudge {
  private readonly iam: IAMClient;
  /** Who asks while a role's policies are on their way gets the same answer. */
  private readonly asked = new Map<string, Promise<PolicyDocument[]>>();

  constructor(config: IAMClientConfig) {
    this.iam = new IAMClient(config);
  }

  /** @param context condition keys of the request; @param variables policy variables such as `aws:userid`. */
  async allows(
    role: string,
    action: string,
    resource: string,
    context: Readonly<Record<string, string>> = {},
    variables: Readonly<Record<string, string>> = {},
  ): Promise<boolean> {
    const documents = await this.policies(role);
    const held = documents.map((document) => ({
      ...document,
      Statement: document.Statement.flatMap((statement) => holding(statement, context, variables)),
    }));
    const policies = held.filter((document) => document.Statement.length > 0);
    if (policies.length === 0) return false; // IAM takes no simulation without a policy
    const { EvaluationResults } = await this.iam.send(
      new SimulateCustomPolicyCommand({
        PolicyInputList: policies.map((document) => JSON.stringify(document)),
        ActionNames: [action],
        ResourceArns: [resource],
      }),
    );
    return EvaluationResults?.every((result) => result.EvalDecision === 'allowed') ?? false;
  }

  /** Value of one tag of a role. */
  async tag(role: string, key: string): Promise<string | undefined> {
    const { Tags } = await this.iam.send(new ListRoleTagsCommand({ RoleName: role }));
    return Tags?.find((tag) => tag.Key === key)?.Value;
  }

  private policies(role: string): Promise<PolicyDocument[]> {
    const asked = this.asked.get(role) ?? this.inlinePolicies(role).finally(() => this.asked.delete(role));
    this.asked.set(role, asked);
    return asked;
  }

  private async inlinePolicies(role: string): Promise<PolicyDocument[]> {
    const { PolicyNames = [] } = await this.iam.send(new ListRolePoliciesCommand({ RoleName: role }));
    return Promise.all(
      PolicyNames.map(async (name) => {
        const { PolicyDocument = '{}' } = await this.iam.send(
          new GetRolePolicyCommand({ RoleName: role, PolicyName: name }),
        );
        const document = JSON.parse(decodeURIComponent(PolicyDocument));
        return { ...document, Statement: [document.Statement].flat() };
      }),
    );
  }

  close(): void {
    this.iam.destroy();
  }
}

/** The statement without the conditions that were decided here; nothing where one of them does not hold. */
function holding(
  statement: Statement,
  context: Readonly<Record<string, string>>,
  variables: Readonly<Record<string, string>>,
): Statement[] {
  const conditions = { ...statement.Condition };
  const equals = conditions.StringEquals;
  if (!equals) return [statement];
  const left: Record<string, string | string[]> = {};
  for (const [key, expected] of Object.entries(equals)) {
    const actual = context[key];
    if (actual === undefined) left[key] = expected;
    else if (![expected].flat().some((value) => resolve(value, variables) === actual)) return [];
  }
  delete conditions.StringEquals;
  if (Object.keys(left).length > 0) conditions.StringEquals = left;
  const { Condition: _decided, ...rest } = statement;
  return [Object.keys(conditions).length > 0 ? { ...rest, Condition: conditions } : rest];
}

const resolve = (value: string, variables: Readonly<Record<string, string>>) =>
  value.replace(/\$\{([^}]+)\}/g, (whole, name) => variables[name] ?? whole);
