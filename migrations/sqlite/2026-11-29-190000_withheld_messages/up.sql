-- A user message that the upstream refused is not sent again. The mark is the sequence number of the answer of the turn
-- that set it.
ALTER TABLE messages ADD COLUMN withheld_from INTEGER CHECK (withheld_from > seq);
-- Whether the upstream has accepted a request with the user message.
ALTER TABLE messages ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0 CHECK (accepted IN (0, 1));
UPDATE messages SET accepted = 1 WHERE role = 'user' AND EXISTS (
    SELECT 1 FROM messages a WHERE a.session_id = messages.session_id AND a.seq > messages.seq
        AND a.role = 'assistant' AND (a.status = 'completed' OR a.content <> ''));
