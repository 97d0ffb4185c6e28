-- What a load's CSV holds, to see an export that is stuck: the same rows slot after slot.
-- NULL for loads from before this migration.
ALTER TABLE fashion.load_ledger ADD COLUMN csv_sha256 CHAR(64);

-- A repetition or a replay changes the row of its load and keeps two things of it: `outcome` stays 'current' once the shop
-- read the drop, and `csv_key` stays where that content was first loaded from, for what lies below replay/ expires.
-- `run`, `forced` and the times are those of the last load.
GRANT UPDATE ON fashion.load_ledger TO ROLE fashion_loader;
