/**
 * Names of the environment variables between the stack and the handlers. The stack must set each of them and a handler
 * can read no other: a misspelt name does not compile.
 */
export const collectEnvironment = [
  'ARCHIVE_BUCKET',
  'COLLECTED_TABLE',
  'SFTP_SECRET_ARN',
  /** JSON: {timeZone, slots}. */
  'SLOT_SCHEDULE',
  /** Source of the regular expression whose groups `date` and `slot` name the slot of a file. */
  'FILE_NAME_PATTERN',
] as const;

export const loadEnvironment = [
  'ARCHIVE_BUCKET',
  'WORKGROUP_NAME',
  'DATABASE_NAME',
  'COPY_ROLE_ARN',
  /** Seconds one call looks at its statement before it hands back to the state machine's wait. */
  'STATEMENT_PATIENCE_SECONDS',
] as const;
