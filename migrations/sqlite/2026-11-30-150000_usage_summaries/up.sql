-- Sums of the ledger rows of each quarter of an hour, which reports read instead of the rows. `created_at` is the start of
-- the period. A sum is split into its upper and lower 32 bits, which cannot overflow.
CREATE TABLE usage_summaries (
    id INTEGER NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    user_id BLOB,
    group_id BLOB,
    tool_id BLOB,
    model TEXT NOT NULL,
    basis TEXT,
    requests INTEGER NOT NULL,
    with_cost INTEGER NOT NULL,
    with_tokens INTEGER NOT NULL,
    with_estimates INTEGER NOT NULL,
    cost_high INTEGER NOT NULL,
    cost_low INTEGER NOT NULL,
    input_tokens_high INTEGER NOT NULL,
    input_tokens_low INTEGER NOT NULL,
    output_tokens_high INTEGER NOT NULL,
    output_tokens_low INTEGER NOT NULL,
    cached_tokens_high INTEGER NOT NULL,
    cached_tokens_low INTEGER NOT NULL,
    cache_write_tokens_high INTEGER NOT NULL,
    cache_write_tokens_low INTEGER NOT NULL,
    reasoning_tokens_high INTEGER NOT NULL,
    reasoning_tokens_low INTEGER NOT NULL,
    cache_saved_high INTEGER NOT NULL,
    cache_saved_low INTEGER NOT NULL,
    compared INTEGER NOT NULL,
    reported_cost_high INTEGER NOT NULL,
    reported_cost_low INTEGER NOT NULL,
    calculated_cost_high INTEGER NOT NULL,
    calculated_cost_low INTEGER NOT NULL
) STRICT;
CREATE INDEX usage_summaries_created ON usage_summaries (created_at);
CREATE INDEX usage_summaries_user ON usage_summaries (user_id, created_at) WHERE user_id IS NOT NULL;

-- One row: the end of the summaries. Each earlier period has one, unless it is stale.
CREATE TABLE usage_summary_end (
    ends_at INTEGER NOT NULL PRIMARY KEY CHECK (ends_at % 900000000 = 0)
) STRICT;
INSERT INTO usage_summary_end (ends_at) VALUES (0);

-- Periods whose rows have changed since they were summarized. The triggers below note each change of a row.
CREATE TABLE stale_usage_periods (
    starts_at INTEGER NOT NULL PRIMARY KEY
) STRICT;
CREATE TRIGGER ai_usage_stale_insert AFTER INSERT ON ai_usage
WHEN NEW.created_at < (SELECT ends_at FROM usage_summary_end)
BEGIN
    INSERT INTO stale_usage_periods (starts_at) VALUES
        (NEW.created_at - NEW.created_at % 900000000)
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER ai_usage_stale_update AFTER UPDATE OF
    created_at, user_id, group_id, tool_id, model, basis, cost, reported_cost, calculated_cost, input_tokens, output_tokens,
    cached_tokens, cache_write_tokens, reasoning_tokens, cache_saved
ON ai_usage
WHEN min(OLD.created_at, NEW.created_at) < (SELECT ends_at FROM usage_summary_end)
BEGIN
    INSERT INTO stale_usage_periods (starts_at) VALUES
        (OLD.created_at - OLD.created_at % 900000000),
        (NEW.created_at - NEW.created_at % 900000000)
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER ai_usage_stale_delete AFTER DELETE ON ai_usage
WHEN OLD.created_at < (SELECT ends_at FROM usage_summary_end)
BEGIN
    INSERT INTO stale_usage_periods (starts_at) VALUES
        (OLD.created_at - OLD.created_at % 900000000)
    ON CONFLICT DO NOTHING;
END;

-- Reports read summaries. This index did not contain all columns that they sum.
DROP INDEX ai_usage_report;
