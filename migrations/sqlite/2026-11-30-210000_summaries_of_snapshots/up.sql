-- A writer of SQLite reads no older state than its own, and SQLite has no TRUNCATE; this migration is for PostgreSQL.
SELECT 1;
