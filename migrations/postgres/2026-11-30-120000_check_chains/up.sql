-- PostgreSQL compares a list without a temporary table; this migration is for SQLite.
SELECT 1;
