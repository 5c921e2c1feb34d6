ALTER TABLE sessions DROP COLUMN history_from_seq;
