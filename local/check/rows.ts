import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { GetAccountSettingsCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { checkRequest } from '../../domain/shared/contract.ts';
import type { LoaderCheck } from '../../domain/warehouse/contract.ts';
import { answered, type Check, type Checked, deployAgain, NotAsked, Wrong } from './check.ts';
import type { DeclaredTemplate } from './declared.ts';

/** What a lab's checks are made of. Each of these is one line of the table, or a few. */

/** The stack came to rest, and has every output that the checkout's template declares. */
export function stackChecks(checked: Checked, { Outputs }: DeclaredTemplate): Check[] {
  const { stack, outputs } = checked.target;
  return [
    {
      what: 'stack, zones of its subnets',
      look: async () => {
        const { Stacks } = await checked
          .client(CloudFormationClient)
          .send(new DescribeStacksCommand({ StackName: stack }));
        const status = String(Stacks?.[0]?.StackStatus);
        if (!/^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(status))
          throw new Wrong(
            `${stack} is ${status}`,
            'read its events in CloudFormation, mend the cause, deploy again',
          );
        return checked.onAws
          ? `${status}: the services took their zones`
          : `${status}; the emulator has no zones`;
      },
    },
    {
      what: 'outputs',
      look: async () => {
        const declared = Object.keys(Outputs);
        const missing = declared.filter((name) => !outputs[name]);
        if (missing.length > 0) throw new Wrong(`missing: ${missing.join(', ')}`, deployAgain);
        return `all ${declared.length}`;
      },
    },
  ];
}

/** Whether the account lets so many functions run at once as the lab's may: one of each, and what its mappings call beside it. */
export function concurrencyCheck(checked: Checked, { Resources }: DeclaredTemplate): Check {
  const needed = Object.values(Resources).reduce((sum, { Type, Properties = {} }) => {
    if (Type === 'AWS::Lambda::Function') return sum + 1;
    if (Type !== 'AWS::Lambda::EventSourceMapping') return sum;
    const { MaximumConcurrency } = (Properties.ScalingConfig ?? {}) as { MaximumConcurrency?: number };
    const { ParallelizationFactor = 0 } = Properties as { ParallelizationFactor?: number };
    return sum + (MaximumConcurrency ?? firstShards * ParallelizationFactor) - 1;
  }, 0);
  return {
    what: 'quota of Lambda executions at once',
    look: async () => {
      if (!checked.onAws) return new NotAsked('the emulator has no quotas');
      const { AccountLimit } = await checked.client(LambdaClient).send(new GetAccountSettingsCommand({}));
      const left = AccountLimit?.UnreservedConcurrentExecutions ?? 0;
      if (left < needed)
        throw new Wrong(
          `${left} for all of this account, and this lab may take ${needed}`,
          'ask for more under Service Quotas, L-B99A9384: it costs nothing. A new account begins with 10',
        );
      return `${left} for all of this account; this lab may take ${needed}`;
    },
  };
}

/** Shards that a stream on demand begins with (Kinesis developer guide, "Choose the right mode"). */
const firstShards = 4;

/** A secret that a person fills in. @param parse the lab's own; throws what is wrong with it, and no value */
export function secretCheck(checked: Checked, output: string, parse: (json: string) => unknown): Check {
  return {
    what: 'secret is filled in',
    look: async () => {
      parse(await secretOf(checked, output));
      return 'well formed';
    },
  };
}

/** @param output that names its ARN */
export async function secretOf(checked: Checked, output: string): Promise<string> {
  const { SecretString } = await checked
    .client(SecretsManagerClient)
    .send(new GetSecretValueCommand({ SecretId: checked.output(output) }));
  return SecretString ?? '';
}

/** Asks a function of the lab to check itself. @param output that has its name. @throws Wrong with what it threw */
export async function askFunction<Answer>(checked: Checked, output: string): Promise<Answer> {
  const { Payload, FunctionError } = await checked
    .client(LambdaClient)
    .send(new InvokeCommand({ FunctionName: checked.output(output), Payload: JSON.stringify(checkRequest) }));
  const answer = JSON.parse(Buffer.from(Payload ?? []).toString() || '{}');
  if (FunctionError !== undefined) throw answered(String(answer.errorType), String(answer.errorMessage));
  return answer as Answer;
}

/** Functions that load the warehouse, by their outputs, and who reads it: the roles that their users hold, their statements. */
export function warehouseChecks(checked: Checked, ...outputs: string[]): Check[] {
  const loads = outputs.flatMap((output): Check[] => {
    const name = output.replace('FunctionName', '');
    let asked: Promise<LoaderCheck> | undefined;
    const ask = () => {
      asked ??= askFunction<LoaderCheck>(checked, output);
      return asked;
    };
    return [
      {
        what: `database role of ${name}`,
        look: async () => {
          const { user, roles } = await ask();
          return held(user, roles, `${checked.lab}_loader`);
        },
      },
      {
        what: `every statement of ${name}`,
        look: async () => {
          const { statements, refused } = await ask();
          if (refused)
            throw new Wrong(
              `${refused.error} (statement ${refused.part}: ${refused.sql.slice(0, 60)}…)`,
              'mend the grant or the table that it names, by a migration; or what it says of COPY, in the role of the warehouse',
            );
          return `${statements} ran, nothing of them stayed`;
        },
      },
    ];
  });
  const reader: Check = {
    what: 'database role of the reader',
    look: async () => {
      const rows = await checked.query(
        'SELECT user_name, role_name FROM svv_user_grants WHERE user_name = CURRENT_USER',
      );
      const roles = rows.map(({ role_name }) => String(role_name));
      return held(String(rows[0]?.user_name ?? 'the reader'), roles, `${checked.lab}_reader`);
    },
  };
  return [...loads, reader];
}

function held(user: string, roles: readonly string[], wanted: string): string {
  if (!roles.includes(wanted))
    throw new Wrong(
      `${user} holds ${roles.length === 0 ? 'no role' : roles.join(', ')}, not ${wanted}`,
      `look at the tag RedshiftDbRoles of its IAM role, and at tag:GetResources and tag:GetTagKeys there; does ${wanted} exist?`,
    );
  return wanted;
}
