ALTER TABLE ai_usage DROP COLUMN tool_version_id;
