-- Key with which a completion without a session was begun, unique for its user, and the SHA-256 of its body.
ALTER TABLE ai_usage ADD COLUMN idempotency_key TEXT;
ALTER TABLE ai_usage ADD COLUMN body_hash TEXT;
CREATE UNIQUE INDEX ai_usage_key ON ai_usage (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
