import { glyphs, type IconName, icons } from '../../../diagrams/engine/icons.ts';
import { groupStyles } from '../../../diagrams/engine/styles.ts';
import type { EngineRendering } from './engine.ts';

const stencil = (name: string) => `mxgraph.aws4.${name}`;

/** Every stencil that our tables of icons and boxes name, in a picture or not. */
export const ourStencils: readonly string[] = [
  ...Object.keys(icons),
  ...Object.values(groupStyles).flatMap(({ icon }) => icon?.name ?? []),
].map(stencil);

/** A share by which the ratio of a drawing's sides may be off. */
const ratioTolerance = 0.01;

/** What our tables say of draw.io's stencils and is not so, one line each. */
export function wrongStencils({ stencils, engine }: Pick<EngineRendering, 'stencils' | 'engine'>): string[] {
  const missing = ourStencils.filter((name) => !stencils.has(name));
  return [
    ...missing.map((name) => `${name} of our tables does not exist in ${engine}`),
    ...(Object.keys(icons) as IconName[]).flatMap((name) => {
      const size = stencils.get(stencil(name));
      // A service fills its square, whatever its drawing.
      if (!size || icons[name].kind === 'service') return [];
      const [width, height] = glyphs[name] ?? [1, 1];
      return Math.abs((width / height) * (size.height / size.width) - 1) <= ratioTolerance
        ? []
        : [`glyphs.${name} is ${width}:${height}, in ${engine} ${size.width}:${size.height}`];
    }),
  ];
}
