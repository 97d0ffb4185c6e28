import type { StackTemplate, TemplateResource } from './template.ts';

/**
 * Which resources a value of a template speaks of.
 * Source: the CloudFormation user guide, "Intrinsic function reference".
 */

/** Writes a reference; the attribute is missing for Ref. */
type Token = (logicalId: string, attribute?: string) => string;

/** `${A}` and `${A.B}` of Fn::Sub; `${!A}` is the text `${A}`. */
const placeholder = /\$\{([^}]+)\}/g;

/** Logical ids, parameters and pseudo parameters that a value refers to, at any depth. */
export function referencesIn(value: unknown): Set<string> {
  const found = new Set<string>();
  collect(value, found);
  return found;
}

function collect(value: unknown, found: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collect(item, found);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  for (const [name, argument] of Object.entries(value)) {
    if (name === 'Ref') found.add(String(argument));
    else if (name === 'Fn::GetAtt') found.add(attributeOf(argument)[0]);
    else if (name === 'Fn::If') collect((argument as unknown[]).slice(1), found);
    else if (name === 'Fn::Sub') {
      const [text, variables] = substitution(argument);
      collect(Object.values(variables), found);
      for (const [, inner = ''] of text.matchAll(placeholder))
        if (!inner.startsWith('!') && !(inner in variables)) found.add(attributeOf(inner)[0]);
    } else collect(argument, found);
  }
}

/**
 * A value as one text, references written by the token. What only CloudFormation can compute (Fn::Select, Fn::ImportValue
 * and so on) is the empty text; of Fn::If the first branch is written.
 */
export function writtenOut(value: unknown, token: Token): string {
  if (Array.isArray(value)) return value.map((item) => writtenOut(item, token)).join(',');
  if (value === undefined || value === null) return '';
  if (typeof value !== 'object') return String(value);
  const [[name, argument] = ['', undefined]] = Object.entries(value) as [string, unknown][];
  if (name === 'Ref') return token(String(argument));
  if (name === 'Fn::GetAtt') return token(...attributeOf(argument));
  if (name === 'Fn::If') return writtenOut((argument as unknown[])[1], token);
  if (name === 'Fn::Join') {
    const [delimiter, parts] = argument as [string, unknown];
    return Array.isArray(parts) ? parts.map((part) => writtenOut(part, token)).join(delimiter) : '';
  }
  if (name === 'Fn::Sub') {
    const [text, variables] = substitution(argument);
    return text.replace(placeholder, (_, inner: string) => {
      if (inner.startsWith('!')) return `\${${inner.slice(1)}}`;
      return inner in variables ? writtenOut(variables[inner], token) : token(...attributeOf(inner));
    });
  }
  return '';
}

/** `["A", "B.C"]` and `"A.B.C"` alike. */
function attributeOf(argument: unknown): [logicalId: string, attribute?: string] {
  if (Array.isArray(argument)) return [String(argument[0]), String(argument[1])];
  const text = String(argument);
  const dot = text.indexOf('.');
  return dot < 0 ? [text] : [text.slice(0, dot), text.slice(dot + 1)];
}

function substitution(argument: unknown): [string, Record<string, unknown>] {
  return Array.isArray(argument)
    ? [String(argument[0]), (argument[1] ?? {}) as Record<string, unknown>]
    : [String(argument), {}];
}

/** What stands at a path of property names; a list on the way means each of its items. */
export function at(value: unknown, path: string): unknown[] {
  let found: unknown[] = [value];
  for (const name of path.split('.'))
    found = found
      .flat(Number.POSITIVE_INFINITY)
      .flatMap((item) =>
        typeof item === 'object' && item !== null && name in item
          ? [(item as Record<string, unknown>)[name]]
          : [],
      );
  return found.flat(Number.POSITIVE_INFINITY);
}

/** What stands under one of these names, at any depth. */
export function valuesNamed(value: unknown, names: ReadonlySet<string>): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => valuesNamed(item, names));
  return Object.entries(value).flatMap(([name, inner]) =>
    names.has(name) ? [inner] : valuesNamed(inner, names),
  );
}

/** Where a type carries the name by which others find it without a reference. */
const plainNames: Readonly<Record<string, string>> = {
  'AWS::RedshiftServerless::Namespace': 'NamespaceName',
  'AWS::RedshiftServerless::Workgroup': 'WorkgroupName',
  'AWS::Glue::Database': 'DatabaseInput.Name',
  'AWS::Events::EventBus': 'Name',
  'AWS::ECS::TaskDefinition': 'Family',
};

/** Logical ids of what carries a plain name, of whatever type: state machines name a task definition by its family. */
export function named(template: StackTemplate, name: string): string[] {
  return Object.entries(plainNames).flatMap(([type, property]) =>
    resourcesOfType(template, type)
      .filter(({ properties }) => at(properties, property).includes(name))
      .map(({ logicalId }) => logicalId),
  );
}

/** Logical ids of the resources of the template that values refer to. */
export function referred(template: StackTemplate, ...values: unknown[]): string[] {
  return [...referencesIn(values)].filter((id) => template.resources.has(id));
}

/** Logical ids of all that CloudFormation makes before a resource. */
export function madeBefore(template: StackTemplate, logicalId: string): Set<string> {
  const before = new Set<string>();
  const waiting = [logicalId];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const { properties, dependsOn = [] } = template.resources.get(id) ?? {};
    for (const next of [...dependsOn, ...referred(template, properties)])
      if (!before.has(next)) {
        before.add(next);
        waiting.push(next);
      }
  }
  return before;
}

/** Logical ids of the resources of one type that a value refers to, or names in plain text. */
export function referredOfType(template: StackTemplate, type: string, value: unknown): string[] {
  const byReference = new Set(referencesIn(value));
  const name = plainNames[type];
  return resourcesOfType(template, type)
    .filter(
      ({ logicalId, properties }) =>
        byReference.has(logicalId) ||
        (typeof value === 'string' && name !== undefined && at(properties, name).includes(value)),
    )
    .map(({ logicalId }) => logicalId);
}

export function resourcesOfType(template: StackTemplate, ...types: readonly string[]): TemplateResource[] {
  return [...template.resources.values()].filter(({ type }) => types.includes(type));
}
