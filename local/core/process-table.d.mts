/** One running process. `started` identifies it together with `pid`: a recycled pid has another value. */
export interface ProcessRow {
  pid: number;
  parent: number;
  group: number;
  started: string;
}
/** Every process of the machine that this user may see, zombies left out. */
export function processTable(): ProcessRow[];
/** The same through `ps`, for systems without /proc. */
export function processTableByPs(): ProcessRow[];
/** `started` of one process, or undefined when no such process runs. */
export function processStarted(pid: number): string | undefined;
