ALTER TABLE turns DROP COLUMN requests;
