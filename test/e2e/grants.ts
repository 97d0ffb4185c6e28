import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  GetRolePolicyCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import type { DeployedLab, Laptop } from '../../local/laptop.ts';

/** One action on one resource pattern that one role is granted, by its place in the role's policy document. */
export interface Grant {
  /** Logical id. */
  role: string;
  action: string;
  /** The resource as a reader knows it: `csv/*`, `Key`, `CollectedFiles`. */
  on: string;
  /** Index of the statement, of the action and of the resource in it. */
  place: readonly [statement: number, action: number, resource: number];
}

interface Statement {
  Action: unknown;
  Resource: unknown;
  Condition?: unknown;
  [key: string]: unknown;
}
export interface PolicyDocument {
  Version: string;
  Statement: Statement[];
}
interface Resource {
  Type: string;
  Properties?: Record<string, unknown>;
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);

/** The synthesized template: grants are known before anything is deployed, so that each can have a test of its own. */
export function synthesizedTemplate(stack: string): Record<string, Resource> {
  const assembly = process.env.LABS_ASSEMBLY;
  if (!assembly) throw new Error('there is no synthesized assembly: run jest with a path below test/e2e');
  return JSON.parse(readFileSync(join(assembly, `${stack}.template.json`), 'utf8')).Resources;
}

/** Logical ids of our functions (the CDK's own have no name for Powertools) and of their roles, by construct id. */
export function labFunctions(template: Record<string, Resource>) {
  const found: Record<string, { logicalId: string; role: string }> = {};
  for (const [logicalId, { Type, Properties }] of Object.entries(template)) {
    const environment = Properties?.Environment as { Variables?: Record<string, unknown> } | undefined;
    const name = environment?.Variables?.POWERTOOLS_SERVICE_NAME;
    if (Type !== 'AWS::Lambda::Function' || typeof name !== 'string') continue;
    const { Role } = Properties as { Role: { 'Fn::GetAtt': [string, 'Arn'] } };
    found[name] = { logicalId, role: Role['Fn::GetAtt'][0] };
  }
  return found;
}

/** Every grant of a role in the template. */
export function grantsOf(template: Record<string, Resource>, role: string): Grant[] {
  const policies = Object.values(template).filter(
    ({ Type, Properties }) =>
      /^AWS::IAM::(Managed)?Policy$/.test(Type) && JSON.stringify(Properties?.Roles)?.includes(`"${role}"`),
  );
  const own = template[role]?.Properties ?? {};
  // Rights in any other place would escape the test.
  if (policies.length !== 1 || own.Policies || own.ManagedPolicyArns)
    throw new Error(`role ${role} must have one inline policy and nothing else`);
  const document = policies[0]?.Properties?.PolicyDocument as PolicyDocument;
  return document.Statement.flatMap(({ Action, Resource }, statement) =>
    list(Action).flatMap((action, a) =>
      list(Resource).map((resource, r) => ({
        role,
        action: String(action),
        on: readable(resource),
        place: [statement, a, r] as const,
      })),
    ),
  );
}

/** What follows the ARN of a joined resource, else the logical id without its hash. */
function readable(resource: unknown): string {
  if (typeof resource === 'string') return resource;
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Join': join } = resource as Record<string, unknown>;
  if (Ref) return String(Ref).replace(/[0-9A-F]{8}$/, '');
  if (attribute) return readable({ Ref: list(attribute)[0] });
  const last = String((join as [string, unknown[]])[1].at(-1));
  return last.replace(/^[/:]/, '');
}

/** Takes grants of a deployed lab's roles away, and gives them back. */
export class Grants {
  private readonly iam: IAMClient;
  private readonly lab: DeployedLab;

  constructor(laptop: Laptop, lab: DeployedLab) {
    this.iam = new IAMClient(laptop.clients);
    this.lab = lab;
  }

  /** Runs with this one grant taken away. The role is as it was when this returns. */
  async without<Result>(grant: Grant, run: () => Promise<Result>): Promise<Result> {
    const [statement, action, resource] = grant.place;
    return this.changed(
      grant.role,
      (document) => {
        const held = document.Statement[statement];
        if (list(held?.Action)[action] !== grant.action)
          throw new Error(`the deployed policy of ${grant.role} is not the one in the template`);
        const { Action, Resource, ...rest } = held as Statement;
        // Every pair but one: the other actions on all resources, this action on the other resources.
        const others = [
          { ...rest, Action: list(Action).filter((_, a) => a !== action), Resource },
          { ...rest, Action: grant.action, Resource: list(Resource).filter((_, r) => r !== resource) },
        ].filter(({ Action: actions, Resource: on }) => list(actions).length > 0 && list(on).length > 0);
        return { ...document, Statement: document.Statement.toSpliced(statement, 1, ...others) };
      },
      run,
    );
  }

  /** Runs with the role's policy changed. The role is as it was when this returns. */
  async changed<Result>(
    role: string,
    change: (document: PolicyDocument) => PolicyDocument,
    run: () => Promise<Result>,
  ): Promise<Result> {
    const RoleName = this.lab.resources.get(role);
    const { PolicyNames = [] } = await this.iam.send(new ListRolePoliciesCommand({ RoleName }));
    const { AttachedPolicies = [] } = await this.iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
    const [PolicyName] = PolicyNames;
    if (PolicyNames.length !== 1 || AttachedPolicies.length > 0)
      throw new Error(`role ${RoleName} must have one inline policy and nothing else`);
    const { PolicyDocument: encoded = '' } = await this.iam.send(
      new GetRolePolicyCommand({ RoleName, PolicyName }),
    );
    const whole = decodeURIComponent(encoded);
    const put = (document: string) =>
      this.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: document }));
    await put(JSON.stringify(change(JSON.parse(whole))));
    try {
      return await run();
    } finally {
      await put(whole);
    }
  }

  close(): void {
    this.iam.destroy();
  }
}

/** The action that IAM said no to, in an error's text; undefined where it says nothing of the kind. */
export function deniedAction(text: string): string | undefined {
  return /not authorized to perform: (\S+)/.exec(text)?.[1];
}
