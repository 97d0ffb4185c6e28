/** What the pictures of several labs show alike: parts of models, at their places in the grid. */
import type { GroupModel, NodeModel } from './engine/model.ts';

/** The network of the warehouse. */
export const warehouseGroups = {
  vpc: { kind: 'vpc', label: 'Isolated VPC', path: 'Warehouse/Network/Vpc' },
  subnets: {
    kind: 'private-subnet',
    label: 'Three zones',
    in: 'vpc',
    path: [
      'Warehouse/Network/Vpc/isolatedSubnet1/Subnet',
      'Warehouse/Network/Vpc/isolatedSubnet2/Subnet',
      'Warehouse/Network/Vpc/isolatedSubnet3/Subnet',
    ],
  },
} as const satisfies Record<string, GroupModel>;

/** The warehouse in the line of the data, its endpoint below. */
export const warehouseNodes = (column: number) =>
  ({
    warehouse: {
      path: ['Warehouse/Namespace', 'Warehouse/Workgroup'],
      icon: 'redshift',
      label: 'Redshift\nServerless',
      in: 'subnets',
      at: [column, 1],
    },
    endpoint: {
      path: 'Warehouse/Network/Vpc/S3',
      icon: 'endpoints',
      label: 'S3 endpoint',
      in: 'vpc',
      at: [column, 2],
    },
  }) as const satisfies Record<string, NodeModel>;

/** The dashboard, the alarms and whom they tell, beside each other in the last row. */
export const operationsNodes = (column: number) =>
  ({
    dashboard: { path: 'Operations/Dashboard', icon: 'cloudwatch_2', label: 'Dashboard', at: [column, 3] },
    alarms: { path: 'Operations/*', icon: 'alarm', label: 'Alarms', at: [column + 1, 3] },
    alarmTopic: { path: 'Operations/Alarms', icon: 'sns', label: 'To people', at: [column + 2, 3] },
  }) as const satisfies Record<string, NodeModel>;

/** What is not drawn of an archive and a warehouse. @param what passes the lab, such as `drop` */
export const notOnTheWay = (what: string) => ({
  'Archive/AccessLog': `keeps who read the archive; no ${what} passes it`,
  'Snapshots/Nightly': `has Redshift take a snapshot of the warehouse each night; no ${what} passes it`,
  'Operations/SnapshotNotTaken': `where the start of a snapshot ends that failed all its repetitions; no ${what} passes it`,
  'Schema/*': `applies the migrations of the tables at deploy; no ${what} passes it`,
  'Warehouse/Network/Vpc/FlowLog/FlowLog': `notes who tried to connect within the VPC; no ${what} passes it`,
});
