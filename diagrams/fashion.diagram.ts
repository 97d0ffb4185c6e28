import { defineDiagram } from './engine/model.ts';
import { notOnTheWay, operationsNodes, warehouseGroups, warehouseNodes } from './shared-parts.ts';

/** High fashion: from the client's SFTP server to SQL. Explained in fashion.md. */
export default defineDiagram({
  lab: 'fashion',
  stack: 'FashionInventory',
  title: 'High fashion: an inventory workbook, twice a day, to SQL',
  groups: {
    collection: { kind: 'state-machine', label: 'Collection', path: 'Collection/StateMachine' },
    import: { kind: 'state-machine', label: 'Import', path: 'Import/StateMachine' },
    ...warehouseGroups,
  },
  nodes: {
    sftp: {
      external: "the client's SFTP server",
      icon: 'traditional_server',
      label: "Client's\nSFTP server",
      at: [0, 1],
    },
    schedules: {
      path: ['At0600', 'At1800'],
      icon: 'eventbridge_scheduler',
      label: '06:00 and 18:00\nlocal time',
      at: [2, 0],
    },
    secret: { path: 'SftpSecret', icon: 'secrets_manager', label: 'Login and\npinned host key', at: [1, 2] },
    collect: { path: 'Collect', icon: 'lambda', label: 'Collect', in: 'collection', at: [2, 1] },
    recover: { path: 'Recover', icon: 'lambda', label: 'Recover', in: 'collection', at: [2, 2] },
    collected: { path: 'CollectedFiles', icon: 'dynamodb', label: 'Collected\nfiles', at: [1, 0] },
    archive: { path: 'Archive/Bucket', icon: 's3', label: 'Archive:\n.xlsx and CSV', at: [3, 1] },
    arrival: { path: 'Archived', icon: 'rule_3', label: 'A workbook\nhas arrived', at: [3, 0] },
    transform: { path: 'Transform', icon: 'lambda', label: 'Transform', in: 'import', at: [4, 1] },
    load: { path: 'Load', icon: 'lambda', label: 'Load', in: 'import', at: [5, 1] },
    results: { path: 'Results', icon: 'sns', label: 'Results', at: [5, 0] },
    ...warehouseNodes(6),
    shop: { external: "the back end of the client's shop", icon: 'client', label: 'Shop front', at: [7, 1] },
    notes: { path: 'ImportNotes', icon: 'dynamodb', label: 'How imports\nended', at: [2, 3] },
    key: { path: 'Key', icon: 'key_management_service', label: 'Key of the lab', at: [1, 3] },
    undelivered: { path: 'Operations/Undelivered', icon: 'sqs', label: 'Undelivered\nevents', at: [3, 3] },
    ...operationsNodes(4),
  },
  arrows: [
    { from: 'schedules', to: 'collection' },
    { from: 'sftp', to: 'collect', manual: "the server is the client's; the function reads it over SFTP" },
    { from: 'secret', to: 'collect', out: 'top', into: 'left', lane: 1 },
    { from: 'collect', to: 'collected', twoWay: true, out: 'left', into: 'bottom', lane: -1 },
    { from: 'collect', to: 'archive' },
    { from: 'archive', to: 'arrival' },
    { from: 'arrival', to: 'import', into: 'top', bend: 4 },
    { from: 'import', to: 'notes', out: 'bottom', into: 'top', bend: 2.5, lane: 2 },
    { from: 'notes', to: 'recover' },
    { from: 'recover', to: 'import', out: 'right', into: 'bottom', lane: -2 },
    { from: 'archive', to: 'transform', twoWay: true },
    { from: 'load', to: 'warehouse', label: 'SQL' },
    { from: 'archive', to: 'endpoint', label: 'COPY', out: 'bottom', into: 'left' },
    { from: 'endpoint', to: 'warehouse' },
    { from: 'import', to: 'results' },
    { from: 'results', to: 'shop', manual: 'whoever needs to know subscribes' },
    {
      from: 'warehouse',
      to: 'shop',
      manual: 'the shop reads it by the Data API',
    },
    { from: 'alarms', to: 'alarmTopic' },
  ],
  steps: [
    {
      number: 1,
      on: 'schedules -> collection',
      text: "At 06:00 and 18:00 in the client's time zone EventBridge Scheduler starts the collection state machine.",
    },
    {
      number: 2,
      on: 'secret -> collect',
      text: 'The collector function reads the login from Secrets Manager. It connects to the SFTP server, goes on only if the host key is the pinned one, and never writes there.',
    },
    {
      number: 3,
      on: 'collect -> collected',
      text: 'It compares what is on the server with its table in DynamoDB and takes every `.xlsx` that it does not know, whatever its age, once two looks 15 seconds apart have seen the same size and time, under a claim, so that two collectors do the work once. Files of the last 3 days are hashed again.',
    },
    {
      number: 4,
      on: 'collect -> archive',
      text: "Each file streams to `incoming/` in the archive bucket while it is hashed, and is copied to `xlsx/date=…/slot=…/<time>-<hash>-<name>.xlsx`; date and slot are those of its name, else of its modification time in the client's zone. What is below `xlsx/` is complete. If the slot's report is not there, the machine looks again every 5 minutes for 45 minutes, then fails as `DropMissing`.",
    },
    {
      number: 5,
      on: 'arrival -> import',
      text: "From here events only. The object's arrival is one: EventBridge starts the import state machine; a workbook that a person puts there takes the same path.",
    },
    {
      number: 6,
      on: 'archive -> transform',
      text: 'The transform function turns the workbook into CSV by a declared layout (name, type, required, range), in a stream, decimals exact. Good rows go to `csv/`, bad rows to `rejected/` with cell, value and reason. A file that is bad as a whole is refused by name.',
    },
    {
      number: 7,
      on: 'load -> warehouse',
      text: 'The load function checks the ledger: is this load known by (date, slot, SHA-256, transform version)? If so, it ends here.',
    },
    {
      number: 8,
      on: 'archive -> endpoint',
      text: 'Redshift copies the CSV, by a manifest, through the S3 endpoint into a staging table of this execution alone.',
    },
    {
      number: 9,
      on: 'load -> warehouse',
      text: 'The load function reconciles (rows in the workbook = rows in the CSV + rows set aside, rows in the CSV = rows staged, no position twice) and publishes in one transaction: history, current positions, ledger. An older drop goes to the history and leaves newer current positions alone. Readers see the old report or the new one.',
    },
    {
      number: 10,
      on: 'import -> results',
      text: 'The result, good or bad, goes to an SNS topic. A failure rings an alarm that says what to do first; all are on one dashboard.',
    },
    {
      number: 11,
      on: 'import -> notes',
      text: 'Each import notes under the key of its workbook that it runs, and how it ended: loaded, refused by name, or failed of something that may pass.',
    },
    {
      number: 12,
      on: 'recover -> import',
      text: 'An event may be lost. So each collection first lists what arrived below `xlsx/` in the last 30 days and starts the import of each workbook again that has neither loaded nor refused it and does not run, once, 100 at most, with the input that the event would have handed in; an alarm says so. A drop that the ledger knows ends as already loaded.',
    },
  ],
  omit: {
    ...notOnTheWay('drop'),
  },
  waive: {
    'schedules -> undelivered': 'where a start ends that failed all its repetitions',
    'arrival -> undelivered': 'where an event ends that failed all its repetitions',
  },
});
