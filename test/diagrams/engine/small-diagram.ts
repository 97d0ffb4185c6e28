import { defineDiagram } from '../../../diagrams/engine/model.ts';

/** A bucket, a function in a subnet, a client outside: the least that has every kind of place. */
export const smallDiagram = defineDiagram({
  lab: 'small',
  stack: 'Small',
  title: 'Small: a test',
  groups: {
    vpc: { kind: 'vpc', label: 'VPC', path: 'Vpc' },
    subnet: { kind: 'private-subnet', label: 'Subnet', in: 'vpc', path: 'Vpc/Subnet' },
  },
  nodes: {
    client: { external: "somebody's client", icon: 'client', label: 'Client', at: [0, 0] },
    bucket: { path: 'Bucket', icon: 's3', label: 'Bucket,\ntwo lines', at: [1, 0] },
    work: { path: 'Work', icon: 'lambda', label: 'Work', in: 'subnet', at: [2, 0] },
    table: { path: 'Table', icon: 'dynamodb', label: 'Table', at: [1, 1] },
  },
  arrows: [
    { from: 'client', to: 'bucket', manual: 'the client is not of the template' },
    { from: 'bucket', to: 'work', label: 'event' },
    { from: 'work', to: 'table', out: 'bottom', into: 'right' },
  ],
  steps: [
    { number: 1, on: 'client -> bucket', text: 'A client writes.' },
    { number: 2, on: 'bucket -> work', text: 'It works.' },
    { number: 3, on: 'bucket -> work', text: 'It works on.' },
  ],
  omit: {},
});
