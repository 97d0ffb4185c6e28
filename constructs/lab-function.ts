import { fileURLToPath } from 'node:url';
import type { Duration, Size } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { type ICommandHooks, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { Construct } from 'constructs';
import { holdDatabaseRoles } from './database-roles.ts';
import { labLog } from './lab-log.ts';
import { observedAs } from './observability.ts';

export interface LabFunctionProps<Name extends string> {
  /** Handler file below lambdas/, such as `fashion/collect.ts`. */
  readonly handler: string;
  readonly description: string;
  /** The names come from the lab's contract: a missing or a misspelt one does not compile. */
  readonly environment: Record<Name, string>;
  readonly timeout: Duration;
  /** MB. @default 512 */
  readonly memory?: number;
  /** What the function may put into its temporary directory. @default 512 MB, Lambda's own */
  readonly ephemeralStorage?: Size;
  /** Roles in the warehouse that this function's database user holds. @default none */
  readonly databaseRoles?: string[];
  /** Files to put beside the bundled handler. @default none */
  readonly commandHooks?: ICommandHooks;
}

/** What CommonJS dependencies look for and an ES module has not: ssh2's Poly1305 reads __dirname as it loads. */
const commonJsNames =
  "import{createRequire as makeRequire}from'node:module';" +
  "const require=makeRequire(import.meta.url),__dirname=new URL('.',import.meta.url).pathname;";

/**
 * A Node.js function under a role of its own, which may write its own log and nothing else: every other right is granted
 * by the construct that owns the resource. The SDK is bundled: the bytes that ran on the laptop are the bytes in AWS.
 */
export class LabFunction<Name extends string> extends NodejsFunction {
  constructor(scope: Construct, id: string, props: LabFunctionProps<Name>) {
    const logGroup = labLog(scope, `${id}Log`);
    // Not the managed basic execution role: that one may write to every log group of the account.
    const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    if (props.databaseRoles) holdDatabaseRoles(role, ...props.databaseRoles);
    super(scope, id, {
      entry: fileURLToPath(new URL(`../lambdas/${props.handler}`, import.meta.url)),
      description: props.description,
      environment: { ...props.environment, ...observedAs(id, scope) },
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      timeout: props.timeout,
      memorySize: props.memory ?? 512,
      ephemeralStorageSize: props.ephemeralStorage,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      role,
      bundling: {
        format: OutputFormat.ESM,
        target: 'node20', // also runs on a laptop's Node 20
        minify: true,
        keepNames: true, // the state machines match on error names
        // ssh2's two optional native parts, asked for inside of try-blocks; all else is in the bundle, the SDK too.
        externalModules: ['cpu-features', '*.node'],
        banner: commonJsNames,
        commandHooks: props.commandHooks,
      },
    });
  }
}
