DROP INDEX ai_usage_key;
ALTER TABLE ai_usage DROP COLUMN body_hash;
ALTER TABLE ai_usage DROP COLUMN idempotency_key;
