import type { RemovalPolicy } from 'aws-cdk-lib';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';

export interface LoginSecretProps {
  readonly key: IKey;
  readonly description: string;
  /** @default RETAIN */
  readonly removalPolicy?: RemovalPolicy;
}

/** A login to somebody else's server: made empty, filled in by a person. */
export class LoginSecret extends Secret {
  private readonly dataKey: IKey;

  constructor(scope: Construct, id: string, { key, description, removalPolicy }: LoginSecretProps) {
    super(scope, id, { description, encryptionKey: key, removalPolicy });
    this.dataKey = key;
    acknowledge(this, 'the login belongs to somebody else: it is changed there, and then here', 'SMG4');
  }

  /** Lets the grantee read the login. The secret's own method would give the rights to describe it, too. */
  grantLogin(grantee: IGrantable): Grant {
    const actions = ['secretsmanager:GetSecretValue'];
    this.dataKey.grant(grantee, 'kms:Decrypt');
    return Grant.addToPrincipal({ grantee, actions, resourceArns: [this.secretArn] });
  }

  /**
   * A command that fills it in, on one line to paste: it opens the example in the person's editor, writes what is saved to
   * the secret, and removes it. The login is in a file, in a directory that only its owner can enter, so that it gets neither
   * into the shell's history nor into the list of processes; what an editor leaves beside the file goes with the directory.
   *
   * @param example what to write, with words where a person puts his own
   */
  fillInCommand(example: Record<string, unknown>): string {
    const file = '"$d/login.json"';
    const put = `aws secretsmanager put-secret-value --secret-id ${this.secretArn} --secret-string "file://$d/login.json"`;
    return [
      '(d=$(mktemp -d)',
      `trap 'rm -rf "$d"' EXIT`,
      `printf '%s\\n' '${JSON.stringify(example)}' >${file}`,
      `\${EDITOR:-vi} ${file}`,
      `${put})`,
    ].join(' && ');
  }
}
