import { defineDiagram } from './engine/model.ts';
import { notOnTheWay, operationsNodes, warehouseGroups, warehouseNodes } from './shared-parts.ts';

/** Stocks: from a websocket of trades to a trend for each in SQL. Explained in stocks.md. */
export default defineDiagram({
  lab: 'stocks',
  stack: 'StockTrends',
  title: 'Stocks: every trade from a websocket, with its trend, to SQL within seconds',
  groups: {
    feedVpc: { kind: 'vpc', label: 'Feed: no ingress', path: 'Feed/Vpc' },
    feedSubnets: {
      kind: 'public-subnet',
      label: 'Two zones',
      in: 'feedVpc',
      path: ['Feed/Vpc/publicSubnet1/Subnet', 'Feed/Vpc/publicSubnet2/Subnet'],
    },
    ...warehouseGroups,
  },
  nodes: {
    provider: {
      external: 'the provider of market data: a websocket of trades, and their history',
      icon: 'internet',
      label: 'Market data\nprovider',
      at: [0, 1],
    },
    leases: { path: 'Feed/Leases', icon: 'dynamodb', label: 'Lease and\ncheckpoint', at: [1, 2] },
    feed: {
      path: ['Feed/Service/Service', 'Feed/Task', 'Feed/Cluster'],
      icon: 'fargate',
      label: 'Feed: active\nand standby',
      in: 'feedSubnets',
      at: [1, 1],
    },
    stream: {
      path: ['Ticks/Stream', 'Ticks/Consumer'],
      icon: 'kinesis_data_streams',
      label: 'Ticks,\nby symbol',
      at: [2, 1],
    },
    firehose: { path: 'Raw/DeliveryStream', icon: 'kinesis_data_firehose', label: 'Raw archive', at: [2, 2] },
    states: { path: 'States', icon: 'dynamodb', label: 'State of\neach symbol', at: [3, 0] },
    trend: { path: 'Trend', icon: 'lambda', label: 'Trend', at: [3, 1] },
    archive: { path: 'Archive/Bucket', icon: 's3', label: 'Archive:\nraw and rows', at: [4, 1] },
    rows: { path: 'Rows', icon: 'sqs', label: 'Objects\nto load', at: [5, 1] },
    load: {
      path: ['Loading/Load', 'Loading/Publish'],
      icon: 'lambda',
      label: 'Load,\nevery 5 s',
      at: [6, 1],
    },
    ...warehouseNodes(7),
    scientists: { external: 'who asks in SQL', icon: 'users', label: 'Data\nscientists', at: [8, 1] },
    secret: {
      path: 'Feed/ProviderSecret',
      icon: 'secrets_manager',
      label: 'Login of the\nprovider',
      at: [2, 3],
    },
    key: { path: 'Key', icon: 'key_management_service', label: 'Key of the lab', at: [1, 3] },
    failed: {
      path: ['Operations/GivenUp', 'Operations/NotLoaded'],
      icon: 'sqs',
      label: 'Given up,\nnot loaded',
      at: [3, 3],
    },
    ...operationsNodes(4),
  },
  arrows: [
    {
      from: 'provider',
      to: 'feed',
      manual: 'the provider is not of the template; the feed opens the websocket',
    },
    { from: 'feed', to: 'leases', twoWay: true },
    { from: 'feed', to: 'stream' },
    { from: 'stream', to: 'firehose' },
    { from: 'firehose', to: 'archive', out: 'right', into: 'bottom', lane: -1 },
    { from: 'stream', to: 'trend' },
    { from: 'trend', to: 'states', twoWay: true },
    { from: 'trend', to: 'archive' },
    { from: 'archive', to: 'rows' },
    { from: 'rows', to: 'load' },
    { from: 'load', to: 'warehouse', label: 'SQL' },
    { from: 'archive', to: 'endpoint', label: 'COPY', out: 'bottom', into: 'left', lane: 1 },
    { from: 'endpoint', to: 'warehouse' },
    {
      from: 'warehouse',
      to: 'scientists',
      manual: 'by the Data API or Query Editor; the workgroup has no way in',
    },
    { from: 'alarms', to: 'alarmTopic' },
  ],
  steps: [
    {
      number: 1,
      on: 'feed -> leases',
      text: 'Two tasks of the feed run in two zones; providers allow one connection. One holds a lease in DynamoDB, the other takes it over when it lapses. The number of the lease goes into every record.',
    },
    {
      number: 2,
      on: 'provider -> feed',
      text: "The active one opens the websocket and takes every trade of the DOW 30 and NASDAQ-100. After a gap (a reconnect, a takeover, a socket that was mute) it marks it and fills it from the provider's REST history before it goes on.",
    },
    {
      number: 3,
      on: 'feed -> stream',
      text: 'It puts them on a Kinesis stream, the symbol as the partition key, one call under way for each symbol: order is kept. What cannot be put waits, in memory, then on disk; nothing is dropped.',
    },
    {
      number: 4,
      on: 'firehose -> archive',
      text: "Firehose archives each record below `raw/`, by hour of arrival, the provider's own message whole.",
    },
    {
      number: 5,
      on: 'stream -> trend',
      text: 'The trend function gets each batch by enhanced fan-out. It compares each price with the previous three entries of its symbol: up, down or flat; and reckons change, return, volatility, VWAP and tick rate.',
    },
    {
      number: 6,
      on: 'trend -> archive',
      text: "It writes the batch's rows to one object below `rows/`, under a key made of shard, trading days and sequence numbers. What cannot be read is set aside whole below `set-aside/`.",
    },
    {
      number: 7,
      on: 'trend -> states',
      text: 'Only then the state of each symbol moves on, each by a conditional write: a batch that comes again, whole or in parts, gives the same rows.',
    },
    {
      number: 8,
      on: 'archive -> rows',
      text: 'Each new object is a message on a queue.',
    },
    {
      number: 9,
      on: 'rows -> load',
      text: 'Every five seconds (a prop) the load function takes all that came.',
    },
    {
      number: 10,
      on: 'archive -> endpoint',
      text: 'Redshift copies these objects, by a manifest, through the S3 endpoint.',
    },
    {
      number: 11,
      on: 'load -> warehouse',
      text: 'One transaction stages, removes what is known by (symbol, venue, trading day, trade id), inserts the rest and notes the objects. Readers see whole loads. A function beside it does the same with the rows of a replay where a person says so: they replace those that are there.',
    },
  ],
  omit: {
    ...notOnTheWay('tick'),
    'Feed/Vpc/FlowLog/FlowLog': 'notes who tried to connect within the VPC; no tick passes it',
    'Feed/Vpc/IGW': 'the way of the public subnets to the internet; the line to the provider passes it',
    Watch: 'looks each minute whether ticks come through while the market is open; no tick passes it',
    EachMinute: 'starts that look',
  },
  waive: {
    'trend -> failed': 'where records end that left the stream without a trend',
    'rows -> failed': 'where objects end that were tried for hours',
  },
});
