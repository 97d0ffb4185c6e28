import type { Progress } from '../local/core/progress.ts';
import { type Requirement, requirementsTable } from './requirement.ts';
import {
  benchHandler,
  type HandlerResult,
  handlerRequirements,
  handlerTable,
  replayTable,
} from './stocks-handler.ts';
import { benchHops, type StocksHopsResult, stocksHopsText } from './stocks-hops.ts';
import { benchMemory, type MemoryResult, memoryRequirements, memoryTable } from './stocks-memory.ts';

/** `replay` is measured with `handler`. */
export const stocksSections = ['handler', 'hops', 'memory'] as const;
export type StocksSection = (typeof stocksSections)[number];

export interface StocksBench {
  handler?: HandlerResult;
  hops?: StocksHopsResult;
  memory?: MemoryResult;
  requirements: Requirement[];
}

export interface StocksBenchOptions {
  /** @default all */
  only?: readonly StocksSection[] | undefined;
  progress: Progress;
  signal: AbortSignal;
}

/** The figures of the stocks lab: floors and peers in the same run, ratios first. */
export async function benchStocks(o: StocksBenchOptions): Promise<StocksBench> {
  const { progress, signal, only = stocksSections } = o;
  const result: StocksBench = { requirements: [] };
  if (only.includes('handler')) {
    result.handler = await benchHandler({ progress, signal });
    result.requirements.push(...handlerRequirements(result.handler));
  }
  signal.throwIfAborted();
  if (only.includes('hops')) result.hops = await benchHops({ progress, signal });
  signal.throwIfAborted();
  if (only.includes('memory')) {
    result.memory = await benchMemory({ progress, signal });
    result.requirements.push(...memoryRequirements(result.memory));
  }
  return result;
}

export function stocksText({ handler, hops, memory, requirements }: StocksBench): string {
  const parts: string[] = [];
  if (handler) parts.push(handlerTable(handler), replayTable(handler));
  if (hops) parts.push(stocksHopsText(hops));
  if (memory) parts.push(memoryTable(memory));
  parts.push(...requirementsTable(requirements));
  return parts.join('\n\n');
}
