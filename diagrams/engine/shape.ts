import { z } from 'zod';
import { LabError } from '../../domain/errors.ts';
import type { Diagram } from './model.ts';

/*
 * A model is checked by the compiler; but `npm run diagrams` runs without it, so a key or a value that is misspelt is
 * found here, too.
 */
const text = z.string().min(1);
const paths = z.union([text, z.array(text).min(1)]);
const cell = z.tuple([z.number().nonnegative(), z.number().nonnegative()]);
const side = z.enum(['left', 'right', 'top', 'bottom']);
const drawn = { icon: z.string(), label: text, in: text.optional(), at: cell.optional() };
const resourceNode = z.strictObject({ ...drawn, path: paths });
const externalNode = z.strictObject({ ...drawn, external: text });
const box = { label: text, in: text.optional() };
const group = z.discriminatedUnion('kind', [
  z.strictObject({
    ...box,
    kind: z.enum([
      'vpc',
      'public-subnet',
      'private-subnet',
      'security-group',
      'auto-scaling',
      'state-machine',
    ]),
    path: paths,
  }),
  z.strictObject({ ...box, kind: z.literal('premises') }),
]);
const arrow = z.strictObject({
  from: text,
  to: text,
  label: text.optional(),
  twoWay: z.boolean().optional(),
  manual: z.string().optional(),
  out: side.optional(),
  into: side.optional(),
  bend: z.number().optional(),
  lane: z.number().optional(),
});
const step = z.strictObject({ number: z.number(), on: text, text });

/** The node's shape by whether it says `external`, so that an error is about the one that was meant. */
const node = z.record(z.string(), z.unknown()).transform((value, context) => {
  const parsed = ('external' in value ? externalNode : resourceNode).safeParse(value);
  if (!parsed.success) for (const issue of parsed.error.issues) context.addIssue({ ...issue } as never);
  return value;
});

const shape = z.strictObject({
  lab: z.string().regex(/^[a-z][a-z0-9-]*$/),
  stack: text,
  title: text,
  groups: z.record(z.string(), group),
  nodes: z.record(z.string(), node),
  arrows: z.array(arrow),
  steps: z.array(step),
  omit: z.record(z.string(), z.string()),
  waive: z.record(z.string(), z.string()).optional(),
});

/**
 * What a model file exports, if it is a diagram.
 *
 * @param file how the file is called, for the error
 * @throws LabError DiagramModelInvalid: the first thing that is wrong; DiagramIconUnknown and others come with the checks
 */
export function diagramIn(exported: unknown, file: string): Diagram {
  const parsed = shape.safeParse(exported);
  if (parsed.success) return exported as Diagram;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') || 'its default export';
  throw new LabError('DiagramModelInvalid', `${file}: ${where}: ${issue?.message}`);
}
