import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AttachRolePolicyCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  GetRolePolicyCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { referencesIn } from '../../diagrams/engine/references.ts';
import type { DeployedLab, Laptop } from '../../local/laptop.ts';

/** One action on one resource pattern that a role is granted, or one managed policy, by its place in the role. */
export interface Grant {
  /** Logical id. */
  role: string;
  /** An action; the name of a managed policy. */
  action: string;
  /** The resource as a reader knows it: `csv/*`, `Key`, `CollectedFiles`. */
  on: string;
  /** Logical ids that the resource names; none for `*` and what is not of the template. */
  resources: readonly string[];
  /** Index of the statement, of the action and of the resource in it. */
  place: readonly [statement: number, action: number, resource: number] | 'managed';
}

export interface Role {
  logicalId: string;
  /** The function's for which it is, by construct id; else the logical id without its hash. */
  name: string;
  /** Who may assume it, such as `lambda.amazonaws.com`. */
  principals: readonly string[];
  grants: readonly Grant[];
  /** Indices of the statements that have a condition, with their actions. */
  conditions: readonly { statement: number; actions: readonly string[] }[];
}

interface Statement {
  Action: unknown;
  Resource: unknown;
  Condition?: Record<string, Record<string, unknown>>;
  [key: string]: unknown;
}
interface PolicyDocument {
  Version: string;
  Statement: Statement[];
}
export interface TemplateResource {
  Type: string;
  Properties?: Record<string, unknown>;
}
export type Resources = Readonly<Record<string, TemplateResource>>;

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);
const withoutHash = (logicalId: string) => logicalId.replace(/[0-9A-F]{8}$/, '');

function assembly(): string {
  const directory = process.env.LABS_ASSEMBLY;
  if (!directory) throw new Error('there is no synthesized assembly: run jest with a path below test/e2e');
  return directory;
}

/** The synthesized template: grants are known before anything is deployed, so that each can have a test of its own. */
export function synthesizedResources(stack: string): Resources {
  return JSON.parse(readFileSync(join(assembly(), `${stack}.template.json`), 'utf8')).Resources;
}

/** Every lab's. */
export function allSynthesizedResources(): Resources[] {
  const templates = readdirSync(assembly()).filter((name) => name.endsWith('.template.json'));
  return templates.map((name) => synthesizedResources(name.replace('.template.json', '')));
}

/** The logical id that a property refers to by `Ref` or `Fn::GetAtt`; '' for anything else. */
export function referredId(value: unknown): string {
  const { Ref, 'Fn::GetAtt': attribute } = (value ?? {}) as { Ref?: string; 'Fn::GetAtt'?: [string, string] };
  return Ref ?? attribute?.[0] ?? '';
}

/** Logical ids of the functions with a name of their own, by it: those that are not of the CDK. */
export function functionIds(resources: Resources): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [logicalId, { Type, Properties }] of Object.entries(resources)) {
    const environment = Properties?.Environment as { Variables?: Record<string, unknown> } | undefined;
    const name = environment?.Variables?.POWERTOOLS_SERVICE_NAME;
    if (Type === 'AWS::Lambda::Function' && typeof name === 'string') found[name] = logicalId;
  }
  return found;
}

/** Every role of the template. @throws Error where a role has rights in a place that is not looked at */
export function rolesOf(resources: Resources): Role[] {
  const names = new Map(
    Object.entries(functionIds(resources)).map(([name, id]) => [
      referredId(resources[id]?.Properties?.Role),
      name,
    ]),
  );
  return Object.entries(resources).flatMap(([logicalId, { Type, Properties }]) => {
    if (Type !== 'AWS::IAM::Role') return [];
    const document = policyOf(resources, logicalId);
    const trust = Properties?.AssumeRolePolicyDocument as {
      Statement: { Principal: { Service?: unknown } }[];
    };
    return {
      logicalId,
      name: names.get(logicalId) ?? withoutHash(logicalId),
      principals: trust.Statement.flatMap(({ Principal }) => list(Principal.Service ?? []).map(String)),
      grants: [
        ...grantsOf(logicalId, document),
        ...managedPolicies(logicalId, Properties?.ManagedPolicyArns),
      ],
      conditions: document.Statement.flatMap(({ Condition, Action }, statement) =>
        Condition ? { statement, actions: list(Action).map(String) } : [],
      ),
    };
  });
}

function policyOf(resources: Resources, role: string): PolicyDocument {
  const policies = Object.values(resources).filter(
    ({ Type, Properties }) =>
      /^AWS::IAM::(Managed|Role)?Policy$/.test(Type) && referencesIn(Properties?.Roles).has(role),
  );
  if (policies.length > 1 || resources[role]?.Properties?.Policies)
    throw new Error(`role ${role} must have one inline policy at most`);
  return (policies[0]?.Properties?.PolicyDocument ?? { Statement: [] }) as PolicyDocument;
}

function grantsOf(role: string, { Statement }: PolicyDocument): Grant[] {
  return Statement.flatMap(({ Action, Resource }, statement) =>
    list(Action).flatMap((action, a) =>
      list(Resource).map((resource, r) => ({
        role,
        action: String(action),
        on: readable(resource),
        resources: [...referencesIn(resource)].filter((id) => !id.startsWith('AWS::')),
        place: [statement, a, r] as const,
      })),
    ),
  );
}

function managedPolicies(role: string, arns: unknown): Grant[] {
  return list(arns ?? []).map((arn) => ({
    role,
    action: JSON.stringify(arn).replace(/^.*policy\/(?:service-role\/)?(\w+).*$/, '$1'),
    on: 'whatever it says',
    resources: [],
    place: 'managed',
  }));
}

/** What follows the ARN of a joined resource, else the logical id without its hash. */
function readable(resource: unknown): string {
  if (typeof resource === 'string') return resource;
  const id = referredId(resource);
  if (id) return withoutHash(id);
  const parts = ((resource as Record<string, unknown>)['Fn::Join'] as [string, unknown[]] | undefined)?.[1];
  if (!parts) return JSON.stringify(resource);
  const last = parts.at(-1);
  const text = typeof last === 'string' ? last.replace(/^[/:]/, '') : readable(last);
  const first = referredId(parts[0]);
  // All objects of a bucket and all versions of a function end in the same star.
  return text === '*' ? `${withoutHash(first)}:*` : text;
}

/** Takes grants of a deployed lab's roles away, and gives them back. */
export class Grants {
  private readonly iam: IAMClient;
  private readonly lab: DeployedLab;

  constructor(laptop: Laptop, lab: DeployedLab) {
    this.iam = new IAMClient(laptop.clients);
    this.lab = lab;
  }

  /** Runs with these grants taken away, of whatever roles. The roles are as they were when this returns. */
  async without<Result>(grants: readonly Grant[], run: () => Promise<Result>): Promise<Result> {
    const [first] = grants;
    if (!first) return run();
    const { role } = first;
    const own = grants.filter((grant) => grant.role === role);
    const others = grants.filter((grant) => grant.role !== role);
    const detach = own.filter(({ place }) => place === 'managed').map(({ action }) => action);
    return this.detached(role, detach, () =>
      this.changed(
        role,
        (document) => lessened(document, own),
        () => this.without(others, run),
      ),
    );
  }

  /** Runs with another value for what the statement's condition asks for. The role is as it was when this returns. */
  underAnotherCondition<Result>(
    role: string,
    statement: number,
    run: () => Promise<Result>,
  ): Promise<Result> {
    const another = (document: PolicyDocument): PolicyDocument => ({
      ...document,
      Statement: document.Statement.map((held, index) => {
        if (index !== statement) return held;
        const Condition = Object.entries(held.Condition ?? {}).map(([operator, keys]) => [
          operator,
          Object.fromEntries(Object.keys(keys).map((key) => [key, 'another'])),
        ]);
        return { ...held, Condition: Object.fromEntries(Condition) };
      }),
    });
    return this.changed(role, another, run);
  }

  private async changed<Result>(
    role: string,
    change: (document: PolicyDocument) => PolicyDocument,
    run: () => Promise<Result>,
  ): Promise<Result> {
    const RoleName = this.nameOf(role);
    const { PolicyNames = [] } = await this.iam.send(new ListRolePoliciesCommand({ RoleName }));
    const [PolicyName] = PolicyNames;
    if (PolicyNames.length > 1) throw new Error(`role ${RoleName} must have one inline policy at most`);
    if (!PolicyName) return run();
    const { PolicyDocument: encoded = '' } = await this.iam.send(
      new GetRolePolicyCommand({ RoleName, PolicyName }),
    );
    const whole = decodeURIComponent(encoded);
    const put = (document: string) =>
      this.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: document }));
    const left = change(JSON.parse(whole));
    // IAM takes no document without a statement.
    if (left.Statement.length > 0) await put(JSON.stringify(left));
    else await this.iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }));
    try {
      return await run();
    } finally {
      await put(whole);
    }
  }

  /** @param policies names of managed ones */
  private async detached<Result>(
    role: string,
    policies: readonly string[],
    run: () => Promise<Result>,
  ): Promise<Result> {
    if (policies.length === 0) return run();
    const RoleName = this.nameOf(role);
    const { AttachedPolicies = [] } = await this.iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
    const arns = AttachedPolicies.map(({ PolicyArn = '' }) => PolicyArn).filter((arn) =>
      policies.some((name) => arn.endsWith(`/${name}`)),
    );
    if (arns.length !== policies.length)
      throw new Error(`role ${RoleName} must have the policies ${policies.join(', ')}`);
    for (const PolicyArn of arns) await this.iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn }));
    try {
      return await run();
    } finally {
      for (const PolicyArn of arns) await this.iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
    }
  }

  private nameOf(role: string): string {
    const name = this.lab.resources.get(role);
    if (!name) throw new Error(`stack ${this.lab.stack} has no role ${role}`);
    return name;
  }

  close(): void {
    this.iam.destroy();
  }
}

/** Each action on what is left of its resources. */
function lessened(document: PolicyDocument, grants: readonly Grant[]): PolicyDocument {
  const isTaken = (...place: number[]) => grants.some((grant) => String(grant.place) === String(place));
  const Statement = document.Statement.flatMap(({ Action, Resource, ...rest }, statement) =>
    list(Action).flatMap((action, a) => {
      const left = list(Resource).filter((_, r) => !isTaken(statement, a, r));
      return left.length > 0 ? { ...rest, Action: action, Resource: left } : [];
    }),
  );
  for (const { action, place, role } of grants) {
    if (place !== 'managed' && list(document.Statement[place[0]]?.Action)[place[1]] !== action)
      throw new Error(`the deployed policy of ${role} is not the one in the template`);
  }
  return { ...document, Statement };
}
