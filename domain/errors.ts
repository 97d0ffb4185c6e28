/**
 * The one table of what can go wrong, by code. Handlers, the command line and the tests name errors by these codes;
 * the state machines match on them (a Lambda error's `name` is its code).
 *
 * - `refused`: the input can never succeed as it is; retrying is pointless, a person has to look.
 * - `transient`: the same call may succeed later; retry it.
 * - `setup`: the machine or the installation is not ready; the message says what to do.
 *
 * `message` is lower case and shows the value received; `remedy` says what to do.
 */
export interface ErrorRow {
  kind: 'refused' | 'transient' | 'setup';
  message: (value: string) => string;
  remedy: string;
}

/** What the fashion lab raises, in AWS and in the commands on it. */
const fashion = {
  // --- the SFTP server ---
  SftpUnreachable: {
    kind: 'transient',
    message: (v) => `sftp server cannot be reached: ${v}`,
    remedy: 'check host and port in the secret, and that the server allows connections from AWS',
  },
  SftpHostKeyMismatch: {
    kind: 'refused',
    message: (v) => `sftp server presents a host key that is not the pinned one: ${v}`,
    remedy: 'ask the client over another channel; only then put the new SHA256 fingerprint into the secret',
  },
  SftpLoginRefused: {
    kind: 'refused',
    message: (v) => `sftp server refuses the login of user ${v}`,
    remedy: 'check user, password or private key in the secret',
  },
  SftpSecretInvalid: {
    kind: 'refused',
    message: (v) => `the sftp secret is not usable: ${v}`,
    remedy: 'fill in host, port, username, hostKey and one of password or privateKey',
  },
  SftpTransferBroken: {
    kind: 'transient',
    message: (v) => `sftp transfer broke off: ${v}`,
    remedy: 'nothing was taken over; the next run reads the file again',
  },
  SftpFileChanged: {
    kind: 'transient',
    message: (v) => `a file changed on the sftp server while it was read: ${v}`,
    remedy: 'it is read again when it has come to rest',
  },
  SftpPathRefused: {
    kind: 'refused',
    message: (v) => `sftp server does not hand out a path: ${v}`,
    remedy: 'check the directory in the secret, and what the user may read there',
  },

  // --- reports, drops and the archive's keys ---
  WorkbookUnreadable: {
    kind: 'refused',
    message: (v) => `the workbook cannot be read: ${v}`,
    remedy: 'open it in a spreadsheet program; if that fails too, ask the client to send it again',
  },
  WorkbookEncrypted: {
    kind: 'refused',
    message: (v) => `the workbook is encrypted, or an .xls of before 2007: ${v}`,
    remedy: 'ask the client for an .xlsx without a password',
  },
  SheetMissing: {
    kind: 'refused',
    message: (v) => `the workbook has no such sheet: ${v}`,
    remedy: 'ask the client whether the report changed, or name the sheet in the layout',
  },
  HeaderMissing: {
    kind: 'refused',
    message: (v) => `the sheet has no header row: ${v}`,
    remedy: 'ask the client whether the report changed, or name the header row in the layout',
  },
  ColumnMissing: {
    kind: 'refused',
    message: (v) => `the header lacks columns: ${v}`,
    remedy: 'ask the client whether the report changed, or correct the header texts in the layout',
  },
  ColumnDuplicated: {
    kind: 'refused',
    message: (v) => `the header names a column twice: ${v}`,
    remedy: 'ask the client which of the two is meant',
  },
  ReportTooLarge: {
    kind: 'refused',
    message: (v) => `the report is over its limits: ${v}`,
    remedy: 'if it is genuine, raise the limits of the stack: memory and disk of the transform follow',
  },
  ReportEmpty: {
    kind: 'refused',
    message: (v) => `the report has a header and no rows: ${v}`,
    remedy: 'a full inventory of nothing would empty the shop: ask the client to send it again',
  },
  AllRowsRejected: {
    kind: 'refused',
    message: (v) => `every row of the report is bad: ${v}`,
    remedy: 'read the rejected rows beside it: one cause is likely',
  },
  LayoutInvalid: {
    kind: 'setup',
    message: (v) => `the declared layout contradicts itself: ${v}`,
    remedy: 'correct the declaration',
  },
  SlotScheduleInvalid: {
    kind: 'setup',
    message: (v) => `the schedule of slots is not usable: ${v}`,
    remedy: 'give an IANA time zone and distinct slots as HHMM',
  },
  FileNamePatternInvalid: {
    kind: 'setup',
    message: (v) => `the file name pattern is not usable: ${v}`,
    remedy: 'give a regular expression with the named groups date and slot',
  },
  DropNameInvalid: {
    kind: 'refused',
    message: (v) => `the file name matches the pattern but holds an impossible date or time: ${v}`,
    remedy: 'ask the client to correct the name and send the file again',
  },
  DropInvalid: {
    kind: 'refused',
    message: (v) => `not a drop: ${v}`,
    remedy: 'a drop has a date, a slot, a modification time in milliseconds, a SHA-256 and a file name',
  },
  LoadKeyInvalid: {
    kind: 'refused',
    message: (v) => `not a load key: ${v}`,
    remedy: 'a load key is date/slot/sha256/vN',
  },
  ArchiveKeyInvalid: {
    kind: 'refused',
    message: (v) => `the key is not one of the archive's: ${v}`,
    remedy: 'put workbooks under xlsx/date=YYYY-MM-DD/slot=HHMM/',
  },

  // --- the transform's limits, its disk, the archive's answers ---
  LimitsInvalid: {
    kind: 'setup',
    message: (v) => `the limits of a report are not usable: ${v}`,
    remedy: 'give the stack whole numbers above zero that one function has memory and disk for',
  },
  DiskFull: {
    kind: 'transient',
    message: (v) => `the function's disk is full: ${v}`,
    remedy:
      'it is tried again; if it stays, raise the limit workbookBytes of the stack, from which the ephemeral storage follows',
  },
  ArchiveReadBroken: {
    kind: 'transient',
    message: (v) => `the archive broke off while an object was read: ${v}`,
    remedy: 'nothing was written; it is read again from its beginning',
  },

  // --- collections and loads ---
  ReconcileMismatch: {
    kind: 'refused',
    message: (v) => `rows do not add up: ${v}`,
    remedy: 'compare the workbook, its csv and its rejected rows, then replay the slot',
  },
  PositionsDuplicated: {
    kind: 'refused',
    message: (v) => `the report names positions more than once: ${v}`,
    remedy: 'ask the client for a corrected report; the shop still reads the previous one',
  },
  ArchivedCsvMissing: {
    kind: 'refused',
    message: (v) => `the archive holds no csv of this drop: ${v}`,
    remedy: 'replay it from the workbook: --from xlsx',
  },
  ArchiveHashMismatch: {
    kind: 'refused',
    message: (v) => `the archived workbook is not the one that its key names: ${v}`,
    remedy:
      'restore the right version of the object (the bucket is versioned), or put the file back under a plain name',
  },
  DropMissing: {
    kind: 'refused',
    message: (v) => `no report for slot ${v} within its grace period`,
    remedy: 'ask the client, then start the collection again',
  },

  // --- rows that were set aside, and their corrections ---
  QuarantineUnreadable: {
    kind: 'setup',
    message: (v) => `the csv of the rows that were set aside is not one of ours: ${v}`,
    remedy: 'restore the object below rejected/ (the bucket is versioned), or put the workbook back',
  },
  NothingSetAside: {
    kind: 'setup',
    message: (v) => `no row was set aside: ${v}`,
    remedy: 'name a drop that has rows to correct',
  },
  CorrectionsUnreadable: {
    kind: 'refused',
    message: (v) => `the file of corrections cannot be read: ${v}`,
    remedy: 'mend it there, or fetch the rows again with npm run quarantine and save them as CSV in UTF-8',
  },
  CorrectionRawInvalid: {
    kind: 'refused',
    message: (v) => `raw is not the row as json by column name: ${v}`,
    remedy: 'mend it, or take the line out: its row stays set aside',
  },
  CorrectionsForeign: {
    kind: 'refused',
    message: (v) => `the corrections are not of this drop: ${v}`,
    remedy: 'name the drop that they were made for, or fetch its rows again with npm run quarantine',
  },
  CorrectionsEmpty: {
    kind: 'refused',
    message: (v) => `the file corrects nothing: ${v}`,
    remedy: 'change value, or where several cells are bad, raw',
  },
  CorrectionsUnknown: {
    kind: 'setup',
    message: (v) => `the archive holds no corrections of this drop with a hash that begins with ${v}`,
    remedy: 'name one of these, or give the file with --corrected',
  },
  CorrectionsAmbiguous: {
    kind: 'setup',
    message: (v) => `several corrections of this drop have a hash that begins with ${v}`,
    remedy: 'give more of its digits',
  },

  // --- replays ---
  SlotNotArchived: {
    kind: 'setup',
    message: (v) => `the archive holds no workbook of slot ${v}`,
    remedy: 'name a slot that it holds',
  },
  DropUnknown: {
    kind: 'setup',
    message: (v) => `no drop of the slot has a hash that begins with ${v}`,
    remedy: 'name one of these, or none for all of them',
  },
  DropAmbiguous: {
    kind: 'setup',
    message: (v) => `several drops of the slot have a hash that begins with ${v}`,
    remedy: 'give more of its digits',
  },
  ReplayFailed: {
    kind: 'setup',
    message: (v) => `the execution did not succeed: ${v}`,
    remedy: 'mend the cause and replay again: the tables are as they were before this drop',
  },
} satisfies Record<string, ErrorRow>;

/** What the stocks lab raises, in AWS and in the commands on it. */
const stocks = {
  // --- trades and the archive's keys ---
  TradeInvalid: {
    kind: 'refused',
    message: (v) => `not a trade of the provider: ${v}`,
    remedy: 'it was set aside whole; mend the reader if the provider changed its messages, then replay it',
  },
  SymbolUnknown: {
    kind: 'refused',
    message: (v) => `a trade of a symbol that the feed does not subscribe to: ${v}`,
    remedy:
      'it was set aside whole; add the symbol to domain/stocks/symbols.ts if it is wanted, then replay it',
  },
  StockKeyInvalid: {
    kind: 'refused',
    message: (v) => `the key is not one of the archive of stocks: ${v}`,
    remedy: 'domain/stocks/keys.ts has their forms',
  },
  StockStateUnreadable: {
    kind: 'setup',
    message: (v) => `the state of a symbol cannot be read: ${v}`,
    remedy: 'restore the version of the function that wrote it, or delete the item: its symbol warms up anew',
  },

  // --- a replay's rows to SQL ---
  PublicationInvalid: {
    kind: 'refused',
    message: (v) => `not what the publish function takes: ${v}`,
    remedy: 'call it by npm run replay -- stocks ... --publish, of the version that is deployed',
  },
  ReplayUncertain: {
    kind: 'refused',
    message: (v) => `the replayed rows are not certain enough to be published: ${v}`,
    remedy:
      'nothing was changed; read further back, --warm-up all or a time days before, or let the archive get what was received',
  },
  RowsNotPublished: {
    kind: 'transient',
    message: (v) => `not all replayed rows are in sql: ${v}`,
    remedy: 'the same command again publishes all of them, and leaves those alone that are there',
  },

  // --- what the provider says ---
  StreamFrameInvalid: {
    kind: 'refused',
    message: (v) => `not a message of the provider's stream: ${v}`,
    remedy: 'it was set aside whole; mend domain/stocks/alpaca.ts if the provider changed its messages',
  },
  HistoryPageInvalid: {
    kind: 'transient',
    message: (v) => `not a page of the provider's trade history: ${v}`,
    remedy: 'it is asked for again; if it stays, look at what stands between us and the provider',
  },

  // --- the feed ---
  FeedSettingsInvalid: {
    kind: 'setup',
    message: (v) => `the settings of the feed are not usable: ${v}`,
    remedy: 'correct the feed prop of the stack; domain/stocks/feed-settings.ts says what each of them means',
  },
  ProviderSecretInvalid: {
    kind: 'refused',
    message: (v) => `the secret of the provider is not usable: ${v}`,
    remedy:
      'fill in key and secret (output FillInSecretCommand); streamUrl and historyUrl may be left out; the feed reads it again within a minute',
  },
  ProviderSecretUnreadable: {
    kind: 'transient',
    message: (v) => `the secret of the provider cannot be read: ${v}`,
    remedy:
      'it is tried again; if it stays, see that the secret has a value, and that the role of the task may read it and use its key',
  },
  ProviderLoginRefused: {
    kind: 'refused',
    message: (v) => `the provider refuses the login: ${v}`,
    remedy:
      'check key and secret, and that the key is of the server that is asked; fill in the secret again (output FillInSecretCommand): the feed tries it within a minute',
  },
  ProviderSubscriptionRefused: {
    kind: 'refused',
    message: (v) => `the provider refuses to tell these trades: ${v}`,
    remedy:
      'check what the subscription allows: the feed in streamUrl, and how many symbols; it is tried again each minute',
  },
  ProviderBusy: {
    kind: 'transient',
    message: (v) => `the provider lets nobody in now: ${v}`,
    remedy: 'it is tried again; a connection limit (406) that stays means that something else uses the login',
  },
  ProviderUnreachable: {
    kind: 'transient',
    message: (v) => `the provider cannot be reached: ${v}`,
    remedy: 'it is tried again; the history fills the gap',
  },
  HistoryRefused: {
    kind: 'refused',
    message: (v) => `the provider refuses to tell its trade history: ${v}`,
    remedy:
      'check that the subscription includes recent trades over HTTP: without them no gap can be filled; it is tried again each minute',
  },
  SpillFailed: {
    kind: 'transient',
    message: (v) => `the disk takes no more of what waits for the stream: ${v}`,
    remedy:
      'nothing is lost: the history fills the gap; give the feed more disk if the stream is to be away longer',
  },

  // --- batches of the stream, loads ---
  StateConflict: {
    kind: 'transient',
    message: (v) => `another batch advanced the state of a symbol: ${v}`,
    remedy: 'the batch comes again and goes on from there; if it stays, two functions read one stream',
  },
  StatesUnread: {
    kind: 'transient',
    message: (v) => `the table of states hands out a part only, still missing: ${v}`,
    remedy: 'the batch comes again; if it stays, the table is throttled: look at its capacity and limits',
  },
  WarehouseSlow: {
    kind: 'transient',
    message: (v) => `the warehouse has not ended a statement within the patience of the function: ${v}`,
    remedy: 'it is loaded again, without harm; if it stays, look for locks and queues in sys_query_history',
  },

  // --- replays ---
  RangeNotArchived: {
    kind: 'setup',
    message: (v) => `the raw archive holds no record of that time: ${v}`,
    remedy: 'name a time in which ticks were received; what was received last may still be on its way',
  },
  RowsUnreadable: {
    kind: 'refused',
    message: (v) => `an object of rows in the archive cannot be read: ${v}`,
    remedy: 'an earlier version of it may be whole: the archive keeps them',
  },
} satisfies Record<string, ErrorRow>;

/** What the warehouse of any lab raises. */
const warehouse = {
  ZonesTooFew: {
    kind: 'refused',
    message: (v) => `redshift serverless wants three subnets, and these are the zones for them: ${v}`,
    remedy: 'name three zones; where the region has two, name one of them twice',
  },
  // --- migrations and statements ---
  MigrationNameInvalid: {
    kind: 'refused',
    message: (v) => `migration file has no name of the form NNNN_lower_case.sql: ${v}`,
    remedy: 'rename the file',
  },
  MigrationVersionRepeated: {
    kind: 'refused',
    message: (v) => `two migrations have the version ${v}`,
    remedy: 'give the newer one the next number',
  },
  MigrationOutOfOrder: {
    kind: 'refused',
    message: (v) => `migration would be applied out of order: ${v}`,
    remedy: 'give it a number above the last one that was applied',
  },
  MigrationChanged: {
    kind: 'refused',
    message: (v) => `migration was changed after it was applied: ${v}`,
    remedy: 'restore the file as it was and write a new migration',
  },
  MigrationMissing: {
    kind: 'refused',
    message: (v) => `migration was applied and its file is gone: ${v}`,
    remedy: 'restore the file: a migration stays, and what it made is changed by a later one',
  },
  MigrationTooLong: {
    kind: 'refused',
    message: (v) => `migration has more statements than one transaction of the data api takes: ${v}`,
    remedy: 'split it into migrations of at most 39 statements',
  },
  MigrationFailed: {
    kind: 'refused',
    message: (v) => `migration was rolled back by the warehouse: ${v}`,
    remedy: 'mend the statement and deploy again; nothing of this migration was kept',
  },
  WarehouseStatementFailed: {
    kind: 'transient',
    message: (v) => `the warehouse reports a failed statement: ${v}`,
    remedy: 'it is tried again; if it stays, look at sys_load_error_detail and sys_query_history',
  },
} satisfies Record<string, ErrorRow>;

/** What the laptop and the command line raise. */
const laptop = {
  // --- processes, run directory, PostgreSQL, certificate ---
  ProcessNotStarted: {
    kind: 'setup',
    message: (v) => `a process could not be started: ${v}`,
    remedy: 'check that the program exists and may be run by this user',
  },
  ProcessDied: {
    kind: 'transient',
    message: (v) => `a process ended by itself: ${v}`,
    remedy: 'its log says why; start again',
  },
  RunDirectoryUnusable: {
    kind: 'setup',
    message: (v) => `the directory of this run cannot be made: ${v}`,
    remedy:
      'make room on the disk, and let this user write to .local in the checkout and to the temporary directory',
  },
  PortTaken: {
    kind: 'setup',
    message: (v) => `something listens already on ${v}`,
    remedy: 'end it, or leave the port to be chosen',
  },
  ServiceUserMissing: {
    kind: 'setup',
    message: (v) => `postgresql does not run as root, and none of these accounts exists: ${v}`,
    remedy: 'run as another user than root',
  },
  PostgresBinariesUnusable: {
    kind: 'setup',
    message: (v) => `the embedded postgresql cannot be run: ${v}`,
    remedy:
      'delete node_modules and run npm start again; its platform package must be installed, links included',
  },
  PostgresNotReady: {
    kind: 'setup',
    message: (v) => `postgresql does not come up: ${v}`,
    remedy: 'its log in .local/runs says why; a full disk or too little shared memory are the usual reasons',
  },
  CertificateNotMade: {
    kind: 'setup',
    message: (v) => `the certificate of this run cannot be made: ${v}`,
    remedy: 'delete .local/python and run npm start again, which installs the python packages anew',
  },

  // --- emulator, local assembly, the Redshift Data API over PostgreSQL, command line ---
  EmulatorNotStarted: {
    kind: 'setup',
    message: (v) => `the emulator did not start: ${v}`,
    remedy: 'look at its log in .local/runs; remove .local/python to install it again',
  },
  EmulatorEnded: {
    kind: 'setup',
    message: (v) => `the emulator ended while it was needed: ${v}`,
    remedy: 'start again; its log is in .local/runs',
  },
  EndpointUnreachable: {
    kind: 'setup',
    message: (v) => `the endpoint in AWS_ENDPOINT_URL does not answer: ${v}`,
    remedy: 'start it, or unset AWS_ENDPOINT_URL to have one started',
  },
  EndpointNotEmulator: {
    kind: 'setup',
    message: (v) => `the endpoint in AWS_ENDPOINT_URL is not an emulator's account 000000000000: ${v}`,
    remedy: 'to use a real account, deploy: npm run deploy -- FashionInventory',
  },
  CdkFailed: {
    kind: 'setup',
    message: (v) => `the cdk failed: ${v}`,
    remedy: 'read the log; an error of the template shows in npm run synth as well',
  },
  UsageInvalid: {
    kind: 'setup',
    message: (v) => `the command line is not understood: ${v}`,
    remedy: 'see the README for the commands and their options',
  },
  LaptopNotUp: {
    kind: 'setup',
    message: (v) => `no laptop is up that runs the lab ${v}`,
    remedy:
      'start one in another terminal, npm start, and leave it up; or name a deployed stack with --stack',
  },
  TemplateNotLocal: {
    kind: 'setup',
    message: (v) => `the template refers to what has no local stand-in: ${v}`,
    remedy: 'add the attribute to the table in local/assembly.ts',
  },
  WarehouseDatabaseTwice: {
    kind: 'setup',
    message: (v) => `two workgroups name the database ${v}`,
    remedy: 'give each workgroup of the laptop databases of its own name: they share one PostgreSQL',
  },

  // --- commands on a deployed lab ---
  StackUnreadable: {
    kind: 'setup',
    message: (v) => `the outputs of the stack cannot be read: ${v}`,
    remedy: 'check its name, the region (AWS_REGION) and the credentials',
  },
  AwsCallFailed: {
    kind: 'setup',
    message: (v) => `a call of aws failed: ${v}`,
    remedy: 'check network, region and credentials; the README says what a replay may do',
  },
  FileUnusable: {
    kind: 'setup',
    message: (v) => `a file cannot be used: ${v}`,
    remedy: 'check its path, and what this user may do there',
  },
} satisfies Record<string, ErrorRow>;

/** What the diagrams raise. */
const diagrams = {
  // --- a value names the file and the element first ---
  DiagramModelInvalid: {
    kind: 'setup',
    message: (v) => `a model of a diagram is not of the shape that diagrams/engine/model.ts describes: ${v}`,
    remedy: 'mend it there; npm run typecheck shows the same in an editor',
  },
  DiagramIconUnknown: {
    kind: 'setup',
    message: (v) => `no icon of the verified table has this name: ${v}`,
    remedy: 'name one of diagrams/engine/icons.ts, or add it there with its drawing',
  },
  DiagramNameUnknown: {
    kind: 'setup',
    message: (v) => `the model names an element that it does not have: ${v}`,
    remedy: 'name one of its nodes, groups or arrows',
  },
  DiagramCellTaken: {
    kind: 'setup',
    message: (v) => `two elements take the same place: ${v}`,
    remedy: 'give one of them another cell',
  },
  DiagramStepsBroken: {
    kind: 'setup',
    message: (v) => `the steps are not numbered 1, 2, 3 and so on, each on an arrow: ${v}`,
    remedy: 'number them anew, in the order of the narrative',
  },
  DiagramPathUnknown: {
    kind: 'setup',
    message: (v) => `the template has no construct of this path: ${v}`,
    remedy: 'name the path as the stack has it now, or take the element out of the model',
  },
  DiagramResourceMissing: {
    kind: 'setup',
    message: (v) => `a construct of this path exists, but it is no resource: ${v}`,
    remedy: 'name the resource that the icon stands for',
  },
  DiagramTypeMismatch: {
    kind: 'setup',
    message: (v) => `the icon or box does not stand for a resource of this type: ${v}`,
    remedy: 'give it the icon or kind of that type, or another path',
  },
  DiagramResourceUndrawn: {
    kind: 'setup',
    message: (v) => `a resource of the template is neither drawn nor left out for a reason: ${v}`,
    remedy: 'add a node for it, or a row with the reason to omit',
  },
  DiagramArrowUnproven: {
    kind: 'setup',
    message: (v) => `nothing in the template shows what this arrow claims: ${v}`,
    remedy: 'turn it, take it out, or say in manual why it is true all the same',
  },
  DiagramEdgeUndrawn: {
    kind: 'setup',
    message: (v) => `data or events flow in the template where the picture has no arrow: ${v}`,
    remedy: 'draw the arrow, or add a row with the reason to waive',
  },
  DiagramContainmentWrong: {
    kind: 'setup',
    message: (v) => `the picture puts an element where the template does not: ${v}`,
    remedy: 'put it into the box that holds it in the template',
  },
  DiagramReasonStale: {
    kind: 'setup',
    message: (v) => `a reason is given for something that is not so: ${v}`,
    remedy: 'take the row out of omit, waive or manual',
  },
  DiagramDrawnTwice: {
    kind: 'setup',
    message: (v) => `the picture shows one thing twice: ${v}`,
    remedy: 'take one of the two out of the model',
  },
  DiagramTemplateUnreadable: {
    kind: 'setup',
    message: (v) => `the synthesized template cannot be read: ${v}`,
    remedy: 'synthesize anew: npm run synth',
  },
  DiagramStale: {
    kind: 'setup',
    message: (v) => `a committed file is not what the model and the template give: ${v}`,
    remedy: 'run npm run diagrams and commit what it wrote',
  },
  DiagramPageUnmarked: {
    kind: 'setup',
    message: (v) => `a page does not say where a generated part belongs: ${v}`,
    remedy: 'add these two lines where the part should stand',
  },
  DiagramFileUnreadable: {
    kind: 'setup',
    message: (v) => `a committed diagram cannot be read: ${v}`,
    remedy: 'save it again in diagrams.net as uncompressed .drawio, or delete it to lay it out anew',
  },

  // --- draw.io's own engine ---
} satisfies Record<string, ErrorRow>;

/** The rows by whose they are; each code stands in one of them. */
const sections = { fashion, stocks, warehouse, laptop, diagrams };

export type ErrorSection = keyof typeof sections;

export type ErrorCode = { [Section in ErrorSection]: keyof (typeof sections)[Section] }[ErrorSection];

/** The table as plain rows, for those who list codes (state machines, documentation). */
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = {
  ...fashion,
  ...stocks,
  ...warehouse,
  ...laptop,
  ...diagrams,
};

/** Codes of one kind of one section, sorted: a state machine lists those that its own lab raises. */
export function errorCodes(section: ErrorSection, kind: ErrorRow['kind']): ErrorCode[] {
  const rows: Readonly<Record<string, ErrorRow>> = sections[section];
  return (Object.keys(rows) as ErrorCode[]).filter((code) => rows[code]?.kind === kind).sort();
}

/** Every section there is. */
export const errorSections = Object.keys(sections) as ErrorSection[];

/** An error of the table. `name` equals `code`, so that Step Functions and log queries can match on it. */
export class LabError extends Error {
  readonly code: ErrorCode;
  readonly value: string;
  readonly remedy: string;

  constructor(code: ErrorCode, value: string, options?: { cause?: unknown }) {
    const row = errorTable[code];
    super(`${code}: ${row.message(value)}; ${row.remedy}`, options);
    this.name = code;
    this.code = code;
    this.value = value;
    this.remedy = row.remedy;
  }
}
