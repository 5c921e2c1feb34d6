DROP INDEX messages_superseded;
ALTER TABLE messages DROP COLUMN superseded_by;
