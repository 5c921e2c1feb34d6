CREATE INDEX ai_usage_report ON ai_usage (
    created_at, user_id, group_id, tool_id, session_id, model, basis, cost, reported_cost, calculated_cost,
    input_tokens, output_tokens, cached_tokens, reasoning_tokens
);
DROP TRIGGER ai_usage_stale_delete;
DROP TRIGGER ai_usage_stale_update;
DROP TRIGGER ai_usage_stale_insert;
DROP TABLE stale_usage_periods;
DROP TABLE usage_summary_end;
DROP TABLE usage_summaries;
