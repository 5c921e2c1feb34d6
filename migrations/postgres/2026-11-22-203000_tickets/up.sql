-- What a group grants each of its members, in sends per minute; null leaves it to the configuration.
ALTER TABLE groups ADD COLUMN requests_per_minute BIGINT CHECK (requests_per_minute BETWEEN 1 AND 1000000);

-- Tickets for one conversation's stream. Only the hash is stored, so that nobody who reads the table can use one.
CREATE TABLE stream_tickets (
    hash BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32),
    session_id UUID NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- A ticket dies with the key that it was asked for with: without it, it would open more than before.
    api_key_id UUID REFERENCES api_keys (id) ON DELETE CASCADE,
    turn_id UUID REFERENCES turns (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX stream_tickets_session ON stream_tickets (session_id);
CREATE INDEX stream_tickets_user ON stream_tickets (user_id);
CREATE INDEX stream_tickets_api_key ON stream_tickets (api_key_id) WHERE api_key_id IS NOT NULL;
CREATE INDEX stream_tickets_turn ON stream_tickets (turn_id) WHERE turn_id IS NOT NULL;
CREATE INDEX stream_tickets_end ON stream_tickets (expires_at);
