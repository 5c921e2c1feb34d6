ALTER TABLE ai_usage DROP COLUMN cache_saved;
