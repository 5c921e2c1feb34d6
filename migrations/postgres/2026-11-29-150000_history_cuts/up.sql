-- Sequence number of the first message of the history in the last request. Cuts of the history move it.
ALTER TABLE sessions ADD COLUMN history_from_seq BIGINT NOT NULL DEFAULT 1 CHECK (history_from_seq >= 1);
