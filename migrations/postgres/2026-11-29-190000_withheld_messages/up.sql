-- A user message that the upstream refused is not sent again. The mark is the sequence number of the answer of the turn
-- that set it.
ALTER TABLE messages ADD COLUMN withheld_from BIGINT CHECK (withheld_from > seq);
-- Whether the upstream has accepted a request with the user message.
ALTER TABLE messages ADD COLUMN accepted BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE messages SET accepted = TRUE WHERE role = 'user' AND EXISTS (
    SELECT 1 FROM messages a WHERE a.session_id = messages.session_id AND a.seq > messages.seq
        AND a.role = 'assistant' AND (a.status = 'completed' OR a.content <> ''));
