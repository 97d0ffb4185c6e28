import { companionsOf } from '../companions.ts';
import { tasksOf } from '../definitions.ts';
import type { GroupKind } from '../model.ts';
import { isPublic, securityGroupsOf, subnetsOf, vpcsOf } from '../network.ts';
import type { StackTemplate, TemplateResource } from '../template.ts';
import { type Element, type Finding, type Held, listed } from './held.ts';

/** What it means to stand in a box of a kind. */
interface Membership {
  /** Whether the template has an element in there. */
  holds(element: Element, box: Element, template: StackTemplate): boolean;
  /** Where the template has it instead, for people. */
  instead(element: Element, box: Element, template: StackTemplate): string;
  /** Whether an element that belongs there may stand nowhere else. */
  demands(element: Element, template: StackTemplate): boolean;
}

type Place = (resource: TemplateResource, template: StackTemplate) => ReadonlySet<string>;

/** Of all that an element stands for. */
const placesOf = (element: Element, place: Place, template: StackTemplate) => [
  ...new Set(element.resources.flatMap((resource) => [...place(resource, template)])),
];
const idsOf = (box: Element) => new Set(box.resources.map(({ logicalId }) => logicalId));
const pathOf = (id: string, template: StackTemplate) => template.resources.get(id)?.path ?? id;

/** All its places are the box's, and it has one. */
const wholly =
  (place: Place): Membership['holds'] =>
  (element, box, template) => {
    const places = placesOf(element, place, template);
    return places.length > 0 && places.every((id) => idsOf(box).has(id));
  };
const elsewhere =
  (place: Place, none: string, some: string): Membership['instead'] =>
  (element, box, template) => {
    const others = placesOf(element, place, template).filter((id) => !idsOf(box).has(id));
    return others.length === 0 ? none : `${some} ${listed(others.map((id) => pathOf(id, template)))}`;
  };

const isSubnet = ({ kind }: Element) => kind === 'public-subnet' || kind === 'private-subnet';

const inSubnets: Membership = {
  // A security group is in no subnet; what has it is.
  holds: (element, box, template) =>
    element.kind === 'security-group' || wholly(subnetsOf)(element, box, template),
  instead: elsewhere(subnetsOf, 'is attached to no subnet', 'is attached to'),
  demands: ({ kind }) => kind !== 'security-group',
};

const memberships: Readonly<Record<Exclude<GroupKind, 'premises'>, Membership>> = {
  vpc: {
    holds: wholly(vpcsOf),
    instead: elsewhere(vpcsOf, 'belongs to no VPC', 'belongs to'),
    demands: (element, template) =>
      isSubnet(element) ||
      element.kind === 'security-group' ||
      element.resources.some(({ type }) => type === 'AWS::EC2::VPCEndpoint') ||
      placesOf(element, subnetsOf, template).length > 0,
  },
  'public-subnet': inSubnets,
  'private-subnet': inSubnets,
  'security-group': {
    holds: (element, box, template) =>
      placesOf(element, securityGroupsOf, template).some((id) => idsOf(box).has(id)),
    instead: elsewhere(securityGroupsOf, 'has no security group', 'has'),
    demands: ({ kind }) => kind === undefined,
  },
  'auto-scaling': {
    holds: ({ resources }, box, template) =>
      resources.every(({ logicalId }) =>
        [...companionsOf(template, logicalId)].some((id) => idsOf(box).has(id)),
      ),
    instead: () => 'is not what the group launches',
    demands: ({ kind }) => kind === undefined,
  },
  'state-machine': {
    holds: ({ resources }, box, template) =>
      resources.every(({ logicalId }) => called(box, template).some((ids) => ids.has(logicalId))),
    instead: ({ resources }, box, template) =>
      `is not called by the workflow: ${listed(
        resources
          .filter(({ logicalId }) => !called(box, template).some((ids) => ids.has(logicalId)))
          .map(({ path }) => path),
      )}`,
    // What a workflow calls may stand beside it; then an arrow says so.
    demands: () => false,
  },
};

/** What the state machines of a box call, each with what a picture shows as one with it. */
const called = (box: Element, template: StackTemplate) =>
  box.resources
    .flatMap((machine) => tasksOf(machine, template))
    .flatMap(({ calls }) => calls.map((id) => companionsOf(template, id)));

/** Whether elements stand in the boxes where the template has them, and the boxes are what they say. */
export function checkContainment(held: Held): Finding[] {
  return [...held.elements.values()].flatMap((element) => [
    ...checkOutside(element, held),
    ...checkInside(element, held),
    ...checkDemands(element, held),
    ...checkRoutes(element, held),
  ]);
}

/** Nothing external in the cloud's boxes, nothing of the template in somebody's premises. */
function checkOutside({ name, external, boxes }: Element, { elements, finding }: Held): Finding[] {
  return boxes
    .filter((box) => elements.get(box)?.external !== external)
    .map((box) =>
      finding(
        'DiagramContainmentWrong',
        name,
        external
          ? `is not of the template, but stands in the box ${box}, which is in AWS`
          : `is of the template, but stands in the box ${box}, which is outside of AWS`,
      ),
    );
}

/** It stands in no box where the template does not have it. */
function checkInside(element: Element, held: Held): Finding[] {
  const { elements, template, finding } = held;
  if (element.external || element.resources.length === 0) return [];
  return element.boxes.flatMap((id) => {
    const box = elements.get(id);
    if (!box || box.resources.length === 0) return [];
    const membership = membershipOf(box);
    if (!membership || membership.holds(element, box, template)) return [];
    return [
      finding(
        'DiagramContainmentWrong',
        element.name,
        `stands in the box ${id}, but ${membership.instead(element, box, template)}`,
      ),
    ];
  });
}

/** Where the picture has a box that holds it in the template, it stands there. */
function checkDemands(element: Element, held: Held): Finding[] {
  const { elements, template, finding } = held;
  if (element.external || element.resources.length === 0) return [];
  const demanded = [...elements.values()]
    .filter((box) => box.id !== element.id && box.resources.length > 0 && !element.boxes.includes(box.id))
    .filter((box) => {
      // The box of the subnets is held to stand in that of the VPC; it takes its members along.
      const taken = box.kind === 'vpc' && element.boxes.some((id) => isSubnet(elements.get(id) as Element));
      const membership = membershipOf(box);
      return !taken && membership?.demands(element, template) && membership.holds(element, box, template);
    });
  return demanded
    .filter((box) => !demanded.some(({ boxes }) => boxes.includes(box.id)))
    .map((box) =>
      finding(
        'DiagramContainmentWrong',
        element.name,
        `belongs into the box ${box.id}: ${listed(box.resources.map(({ path }) => path))}`,
      ),
    );
}

/** A public subnet has a route to an internet gateway, a private one has none. */
function checkRoutes({ name, kind, resources }: Element, { template, finding }: Held): Finding[] {
  if (kind !== 'public-subnet' && kind !== 'private-subnet') return [];
  const wanted = kind === 'public-subnet';
  return resources
    .filter(({ type, logicalId }) => type === 'AWS::EC2::Subnet' && isPublic(logicalId, template) !== wanted)
    .map(({ path }) =>
      finding(
        'DiagramContainmentWrong',
        name,
        `is a ${kind}, but ${path} has ${wanted ? 'no' : 'a'} route to an internet gateway`,
      ),
    );
}

const membershipOf = ({ kind }: Element): Membership | undefined =>
  kind === undefined || kind === 'premises' ? undefined : memberships[kind];
