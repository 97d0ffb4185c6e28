/** Environment of the function that applies a warehouse's migrations. */
export const migrateEnvironment = ['WORKGROUP_NAME', 'DATABASE_NAME', 'ADMIN_SECRET'] as const;

/** Environment of a function that loads a lab's objects of its archive into its warehouse. */
export const loadEnvironment = [
  'ARCHIVE_BUCKET',
  'WORKGROUP_NAME',
  'DATABASE_NAME',
  'COPY_ROLE_ARN',
  /** Seconds for which one call waits for its statement. */
  'STATEMENT_PATIENCE_SECONDS',
] as const;

/** Properties of the `Custom::WarehouseMigrations` resource. */
export interface MigrationProperties {
  /** Schema that holds the ledger of migrations, one per lab, so that two labs can share a warehouse. */
  Ledger: string;
  /** Id of the warehouse's namespace: one that takes its place is empty, and CloudFormation calls again. */
  Namespace: string;
  /** SHA-256 over all migrations: a change makes CloudFormation call again. */
  Checksum: string;
}

/** Folder beside the bundled handler that holds the migrations. */
export const migrationsFolder = 'migrations';

/** What a loader answers to a check. */
export interface LoaderCheck {
  /** Its user in the database, and the database roles that this user holds. */
  user: string;
  roles: string[];
  /** How many statements a load of its has. */
  statements: number;
  /** The first of them that the warehouse refuses, from 1; null where it took all of them. */
  refused: { part: number; sql: string; error: string } | null;
}
