-- The number of superseded messages before a message is read from the index alone. Without the sequence number in it,
-- SQLite reads each message of the session.
DROP INDEX messages_superseded;
CREATE INDEX messages_superseded ON messages (session_id, seq) WHERE superseded_by IS NOT NULL;
