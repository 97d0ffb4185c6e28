import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { DeployedLab, Laptop } from '../../local/laptop.ts';
import { functionIds } from './grants.ts';

/** Calls functions of a stack, each under its own role. */
export class FunctionCaller {
  private readonly lambda: LambdaClient;
  private readonly lab: DeployedLab;

  constructor(laptop: Laptop, lab: DeployedLab) {
    this.lambda = new LambdaClient(laptop.clients);
    this.lab = lab;
  }

  /** @param name construct id. @throws Error with the function's error */
  invoke<Output>(name: string, payload: unknown): Promise<Output> {
    return this.invokeById(functionIds(this.lab.assembly.template.Resources)[name] ?? name, payload);
  }

  /** @throws Error with the function's error */
  async invokeById<Output>(logicalId: string, payload: unknown): Promise<Output> {
    const { FunctionError, Payload } = await this.lambda.send(
      new InvokeCommand({
        FunctionName: this.lab.resources.get(logicalId),
        Payload: JSON.stringify(payload),
      }),
    );
    const output = JSON.parse(Payload?.transformToString() ?? 'null');
    if (FunctionError) throw new Error(`${output?.errorType}: ${output?.errorMessage}`);
    return output;
  }

  close(): void {
    this.lambda.destroy();
  }
}
