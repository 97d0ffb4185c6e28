import { formatTable } from '../local/core/progress.ts';

/** What a lab demands of a figure of itself, and whether it was met. */
export interface Requirement {
  what: string;
  required: string;
  measured: string;
  met: boolean;
}

/** Each requirement with what was measured; nothing where there is none. */
export function requirementsTable(requirements: readonly Requirement[]): string[] {
  if (requirements.length === 0) return [];
  return [
    formatTable(
      ['required of the lab', 'required', 'measured', ''],
      requirements.map(({ what, required, measured, met }) => [what, required, measured, met ? '✓' : '✗']),
    ),
  ];
}
