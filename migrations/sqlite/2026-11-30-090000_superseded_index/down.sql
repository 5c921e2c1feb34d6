DROP INDEX messages_superseded;
CREATE INDEX messages_superseded ON messages (session_id) WHERE superseded_by IS NOT NULL;
