ALTER TABLE ai_usage DROP COLUMN cache_miss;
ALTER TABLE sessions DROP COLUMN last_request;
