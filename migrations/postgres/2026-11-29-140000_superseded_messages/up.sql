-- An answer that was regenerated names the sequence number of the answer that replaces it.
ALTER TABLE messages ADD COLUMN superseded_by BIGINT CHECK (superseded_by > seq);
CREATE INDEX messages_superseded ON messages (session_id) WHERE superseded_by IS NOT NULL;
