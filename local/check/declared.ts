import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withSynthesis } from '../synthesis.ts';

/** What a check reads of a template. */
export interface DeclaredTemplate {
  Outputs: Record<string, unknown>;
  Resources: Record<string, { Type: string; Properties?: Record<string, unknown> }>;
}

/** The template of a lab as this checkout synthesizes it. @param lab its slug */
export function declaredTemplate(lab: string): Promise<DeclaredTemplate> {
  return withSynthesis(async (directory, templates) =>
    JSON.parse(await readFile(join(directory, templates.get(lab) ?? ''), 'utf8')),
  );
}
