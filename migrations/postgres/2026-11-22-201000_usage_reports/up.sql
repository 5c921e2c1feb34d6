-- All that reports sum and sum by, in the order of time: a month of them is read without its rows, wherever those lie.
CREATE INDEX ai_usage_report ON ai_usage (
    created_at, user_id, group_id, tool_id, session_id, model, basis, cost, reported_cost, calculated_cost,
    input_tokens, output_tokens, cached_tokens, reasoning_tokens
);
