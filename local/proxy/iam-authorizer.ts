/**
 * Asks IAM whether a role may do something (SimulatePrincipalPolicy), for what the emulator does not ask itself:
 * KMS keys under S3 (sse-kms.ts) and the Redshift Data API.
 *
 * Not cached: a grant that is taken away counts from the next call on. MiniStack evaluates the role's identity
 * policies and ignores the context entries that are sent along, so that a statement with a condition on them does
 * not match there; AWS and LocalStack read them.
 */
import type { Agent } from 'node:https';
import { IAMClient, SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam';

export interface IamAuthorizerOptions {
  /** The emulator itself, not the proxy. */
  endpoint: string;
  agent?: Agent;
  region: string;
  /** @default the emulators' 000000000000 */
  account?: string;
}

export interface IamAuthorizer {
  /** Condition keys to values, e.g. `{'kms:ViaService': 's3.us-east-1.amazonaws.com'}`. */
  allowed(
    role: string,
    action: string,
    resource: string,
    context?: Readonly<Record<string, string>>,
  ): Promise<boolean>;
  /** @throws AccessDenied, worded as AWS does */
  assert(
    role: string,
    action: string,
    resource: string,
    options?: { session?: string; context?: Readonly<Record<string, string>> },
  ): Promise<void>;
}

/** A call that IAM denies. Not of the table of errors: it is what a service answers, in that service's words. */
export class AccessDenied extends Error {
  readonly action: string;
  readonly resource: string;

  constructor(principal: string, action: string, resource: string, isExplicit: boolean) {
    const because = isExplicit
      ? 'with an explicit deny in an identity-based policy'
      : `because no identity-based policy allows the ${action} action`;
    super(`User: ${principal} is not authorized to perform: ${action} on resource: ${resource} ${because}`);
    this.name = 'AccessDenied';
    this.action = action;
    this.resource = resource;
  }
}

/** The action that IAM said no to, in an error's text; undefined where it says nothing of the kind. */
export function deniedAction(text: string): string | undefined {
  return /not authorized to perform: ([\w-]+:\w+)/.exec(text)?.[1];
}

/** `role` is a role's name everywhere here. */
export function iamAuthorizer(options: IamAuthorizerOptions): IamAuthorizer {
  const account = options.account ?? '000000000000';
  const client = new IAMClient({
    endpoint: options.endpoint,
    region: options.region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, // the emulator's root
    ...(options.agent === undefined ? {} : { requestHandler: { httpsAgent: options.agent } }),
  });

  async function decision(
    role: string,
    action: string,
    resource: string,
    context: Readonly<Record<string, string>>,
  ) {
    const { EvaluationResults } = await client.send(
      new SimulatePrincipalPolicyCommand({
        PolicySourceArn: `arn:aws:iam::${account}:role/${role}`,
        ActionNames: [action],
        ResourceArns: [resource],
        ContextEntries: Object.entries(context).map(([key, value]) => ({
          ContextKeyName: key,
          ContextKeyType: 'string',
          ContextKeyValues: [value],
        })),
      }),
    );
    return EvaluationResults?.[0]?.EvalDecision ?? 'implicitDeny';
  }

  return {
    allowed: async (role, action, resource, context = {}) =>
      (await decision(role, action, resource, context)) === 'allowed',
    async assert(role, action, resource, { session = role, context = {} } = {}) {
      const made = await decision(role, action, resource, context);
      if (made === 'allowed') return;
      const principal = `arn:aws:sts::${account}:assumed-role/${role}/${session}`;
      throw new AccessDenied(principal, action, resource, made === 'explicitDeny');
    },
  };
}
