import { type IconName, icons } from './icons.ts';
import { measures } from './measures.ts';
import type { PlacedArrow, PlacedGroup } from './picture.ts';

/** How a box looks: colours of its line and its text, and draw.io's name of its icon with the drawing of it. */
export interface GroupStyle {
  readonly stroke: string;
  readonly font: string;
  /** @default none */
  readonly fill?: string;
  readonly dashed?: boolean;
  /** False: only the fill shows. @default true */
  readonly outlined?: boolean;
  /** In `mxgraph.aws4`, and below aws-icons' `icons/`. None for a plain box. */
  readonly icon?: { readonly name: string; readonly art: string };
  /** The icon stands in the middle of the top edge, the label below it. @default false: at the left */
  readonly centred?: boolean;
}

/** AWS's group styles, as draw.io's set "AWS19" has them. */
export const groupStyles: Readonly<Record<PlacedGroup['kind'], GroupStyle>> = {
  cloud: {
    stroke: '#232F3E',
    font: '#232F3E',
    icon: { name: 'group_aws_cloud_alt', art: 'architecture-group/AWSCloudlogo.svg' },
  },
  region: {
    stroke: '#00A4A6',
    font: '#147EBA',
    dashed: true,
    icon: { name: 'group_region', art: 'architecture-group/Region.svg' },
  },
  vpc: {
    stroke: '#8C4FFF',
    font: '#8C4FFF',
    icon: { name: 'group_vpc2', art: 'architecture-group/VirtualprivatecloudVPC.svg' },
  },
  'public-subnet': {
    stroke: '#7AA116',
    font: '#248814',
    fill: '#F2F6E8',
    outlined: false,
    icon: { name: 'group_security_group', art: 'architecture-group/Publicsubnet.svg' },
  },
  'private-subnet': {
    stroke: '#00A4A6',
    font: '#147EBA',
    fill: '#E6F6F7',
    outlined: false,
    icon: { name: 'group_security_group', art: 'architecture-group/Privatesubnet.svg' },
  },
  'state-machine': {
    stroke: '#CD2264',
    font: '#CD2264',
    icon: { name: 'group_aws_step_functions_workflow', art: 'architecture-service/AWSStepFunctions.svg' },
  },
  'auto-scaling': {
    stroke: '#ED7100',
    font: '#ED7100',
    dashed: true,
    centred: true,
    icon: { name: 'group_auto_scaling_group', art: 'architecture-group/AutoScalinggroup.svg' },
  },
  'security-group': { stroke: '#DD3522', font: '#DD3522' },
  premises: {
    stroke: '#7D8998',
    font: '#5A6C86',
    icon: { name: 'group_corporate_data_center', art: 'architecture-group/Corporatedatacenter.svg' },
  },
};

export const ink = { text: '#232F3E', line: '#545B64', paper: '#FFFFFF' } as const;

type Style = Record<string, string | number>;

/** A style as draw.io writes it; `flags` are the words without a value at its start. */
function written(style: Style, ...flags: string[]): string {
  return [...flags, ...Object.entries(style).map(([key, value]) => `${key}=${value}`)].join(';').concat(';');
}

/** No `html` and no `whiteSpace=wrap`: they would become foreignObject, which is blank outside browsers. */
const plain = { html: 0 };

export function nodeStyle(name: IconName): string {
  const { kind, fill } = icons[name];
  return written({
    ...plain,
    sketch: 0,
    outlineConnect: 0,
    fontColor: ink.text,
    gradientColor: 'none',
    fillColor: fill,
    strokeColor: kind === 'service' ? '#ffffff' : 'none',
    dashed: 0,
    verticalLabelPosition: 'bottom',
    verticalAlign: 'top',
    align: 'center',
    fontSize: measures.nodeFont,
    fontStyle: 0,
    aspect: 'fixed',
    ...(kind === 'service'
      ? { shape: 'mxgraph.aws4.resourceIcon', resIcon: `mxgraph.aws4.${name}` }
      : { shape: `mxgraph.aws4.${name}` }),
  });
}

export function groupStyle(kind: PlacedGroup['kind']): string {
  const style = groupStyles[kind];
  const common = {
    ...plain,
    container: 1,
    pointerEvents: 0,
    collapsible: 0,
    recursiveResize: 0,
    expand: 0,
    outlineConnect: 0,
    gradientColor: 'none',
    fillColor: style.fill ?? 'none',
    strokeColor: style.stroke,
    fontColor: style.font,
    fontSize: measures.groupFont,
    fontStyle: 0,
    dashed: style.dashed ? 1 : 0,
    verticalAlign: 'top',
  };
  if (!style.icon) return written({ ...common, align: 'left', spacingLeft: 8 }, 'rounded=0');
  const icon = `mxgraph.aws4.${style.icon.name}`;
  return style.centred
    ? written({
        ...common,
        align: 'center',
        spacingTop: measures.groupIcon,
        shape: 'mxgraph.aws4.groupCenter',
        grIcon: icon,
        grStroke: 1,
      })
    : written({
        ...common,
        align: 'left',
        spacingLeft: 30,
        shape: 'mxgraph.aws4.group',
        grIcon: icon,
        ...(style.outlined === false ? { grStroke: 0 } : {}),
      });
}

/** Dashes of what nothing in the template shows. */
export const manualDashes = [5, 4] as const;

/** @param ends the places of both ends on their elements, as draw.io's exit and entry keys */
export function arrowStyle(arrow: Pick<PlacedArrow, 'manual' | 'twoWay'>, ends: Style): string {
  return written({
    ...plain,
    edgeStyle: 'orthogonalEdgeStyle',
    rounded: 0,
    endArrow: 'open',
    endFill: 0,
    ...(arrow.twoWay ? { startArrow: 'open', startFill: 0 } : { startArrow: 'none' }),
    strokeColor: ink.line,
    strokeWidth: 1,
    fontColor: ink.text,
    fontSize: measures.arrowFont,
    labelBackgroundColor: 'none',
    align: 'center',
    verticalAlign: 'middle',
    ...(arrow.manual ? { dashed: 1, dashPattern: manualDashes.join(' ') } : {}),
    ...ends,
  });
}

export const stepStyle = written(
  {
    ...plain,
    fillColor: ink.text,
    strokeColor: 'none',
    fontColor: '#FFFFFF',
    fontSize: measures.discFont,
    fontStyle: 1,
    align: 'center',
    verticalAlign: 'middle',
    aspect: 'fixed',
  },
  'ellipse',
);

export const titleStyle = written(
  {
    ...plain,
    fontColor: ink.text,
    fontSize: measures.titleFont,
    fontStyle: 1,
    align: 'left',
    verticalAlign: 'middle',
    strokeColor: 'none',
    fillColor: 'none',
    spacing: 0,
  },
  'text',
);
