ALTER TABLE messages DROP COLUMN accepted;
ALTER TABLE messages DROP COLUMN withheld_from;
