import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type { DrivenLab } from '../../local/driven-lab.ts';
import { logicalIdOf } from '../../local/function-processes.ts';

const preload = pathToFileURL(fileURLToPath(new URL('function-preload.mjs', import.meta.url))).href;

export interface FunctionSettings {
  /** MB. */
  memory: number;
  /**
   * Sets variables beside those of the stack, and the time-out (seconds) where one is given; what was set here before is gone.
   * The next call gets a new process.
   */
  set(variables: Record<string, string>, timeout?: number): Promise<void>;
  /** As the stack has it. */
  reset(): Promise<void>;
  close(): void;
}

/** The configuration of one function, which a test changes as an operator could. @param name its construct's */
export async function functionSettings({ laptop, lab }: DrivenLab, name: string): Promise<FunctionSettings> {
  const lambda = new LambdaClient(laptop.clients);
  const FunctionName = lab.resources.get(logicalIdOf(lab, name));
  const {
    Environment,
    MemorySize = 0,
    Timeout,
  } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const set = async (variables: Record<string, string>, timeout = Timeout) => {
    const Variables = { ...Environment?.Variables, ...variables };
    await lambda.send(
      new UpdateFunctionConfigurationCommand({ FunctionName, Timeout: timeout, Environment: { Variables } }),
    );
  };
  return { memory: MemorySize, set, reset: () => set({}), close: () => lambda.destroy() };
}

/** Variables with which a function's process notes its largest memory (KiB) in this directory, by its pid, when it fails. */
export function notingPeaks(directory: string): Record<string, string> {
  return { NODE_OPTIONS: `--import=${preload}`, LABS_TEST_PEAKS: directory };
}

/** Variables with which a function finds as many bytes of room on its disk as this file says. */
export function withRoom(file: string): Record<string, string> {
  return { NODE_OPTIONS: `--import=${preload}`, LABS_TEST_ROOM: file };
}

/** Variables with which a function's clock is ahead by as many milliseconds as this file says. */
export function withClock(file: string): Record<string, string> {
  return { NODE_OPTIONS: `--import=${preload}`, LABS_TEST_CLOCK: file };
}

/** What functions have left in their temporary directory: on the laptop they share one, on AWS each process has its own. */
export function leftovers({ laptop }: DrivenLab): string[] {
  return readdirSync(join(laptop.runDirectory.path, 'emulator', 'tmp')).filter(
    (name) => !name.startsWith('ministack-'), // the emulator's own, and the code of functions
  );
}
