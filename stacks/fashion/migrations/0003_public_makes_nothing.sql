-- Redshift lets everybody make tables in the schema public: a reader's role is for reading. The ledger of migrations, which
-- stands there, is the administrator's.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
