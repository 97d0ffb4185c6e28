/** Environment of the function that applies a warehouse's migrations. */
export const migrateEnvironment = ['WORKGROUP_NAME', 'DATABASE_NAME', 'ADMIN_SECRET'] as const;

/** Properties of the `Custom::WarehouseMigrations` resource. */
export interface MigrationProperties {
  /** Schema that holds the ledger of migrations, one per lab, so that two labs can share a warehouse. */
  Ledger: string;
  /** SHA-256 over all migrations: a change makes CloudFormation call again. */
  Checksum: string;
}

/** Folder beside the bundled handler that holds the migrations. */
export const migrationsFolder = 'migrations';
