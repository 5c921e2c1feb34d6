ALTER TABLE ai_usage ADD COLUMN tool_version_id BLOB;
