-- Sums of the ledger rows of each quarter of an hour, which reports read instead of the rows. `created_at` is the start of
-- the period. A sum is split into its upper and lower 32 bits, which cannot overflow.
CREATE TABLE usage_summaries (
    id BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at BIGINT NOT NULL,
    user_id UUID,
    group_id UUID,
    tool_id UUID,
    model TEXT NOT NULL,
    basis TEXT,
    requests BIGINT NOT NULL,
    with_cost BIGINT NOT NULL,
    with_tokens BIGINT NOT NULL,
    with_estimates BIGINT NOT NULL,
    cost_high BIGINT NOT NULL,
    cost_low BIGINT NOT NULL,
    input_tokens_high BIGINT NOT NULL,
    input_tokens_low BIGINT NOT NULL,
    output_tokens_high BIGINT NOT NULL,
    output_tokens_low BIGINT NOT NULL,
    cached_tokens_high BIGINT NOT NULL,
    cached_tokens_low BIGINT NOT NULL,
    cache_write_tokens_high BIGINT NOT NULL,
    cache_write_tokens_low BIGINT NOT NULL,
    reasoning_tokens_high BIGINT NOT NULL,
    reasoning_tokens_low BIGINT NOT NULL,
    cache_saved_high BIGINT NOT NULL,
    cache_saved_low BIGINT NOT NULL,
    compared BIGINT NOT NULL,
    reported_cost_high BIGINT NOT NULL,
    reported_cost_low BIGINT NOT NULL,
    calculated_cost_high BIGINT NOT NULL,
    calculated_cost_low BIGINT NOT NULL
);
CREATE INDEX usage_summaries_created ON usage_summaries (created_at);
CREATE INDEX usage_summaries_user ON usage_summaries (user_id, created_at) WHERE user_id IS NOT NULL;

-- One row: the end of the summaries. Each earlier period has one, unless it is stale.
CREATE TABLE usage_summary_end (
    ends_at BIGINT NOT NULL PRIMARY KEY CHECK (ends_at % 900000000 = 0)
);
INSERT INTO usage_summary_end (ends_at) VALUES (0);

-- Periods whose rows have changed since they were summarized. The triggers below note each change of a row.
CREATE TABLE stale_usage_periods (
    starts_at BIGINT NOT NULL PRIMARY KEY
);
CREATE FUNCTION note_stale_usage_periods() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Of an inserted row OLD is null, and of a deleted one NEW.
    IF LEAST(OLD.created_at, NEW.created_at) < (SELECT ends_at FROM usage_summary_end) THEN
        INSERT INTO stale_usage_periods (starts_at)
            SELECT DISTINCT created_at - created_at % 900000000
            FROM (VALUES (OLD.created_at), (NEW.created_at)) AS changed (created_at)
            WHERE created_at IS NOT NULL
            ORDER BY 1
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER ai_usage_stale AFTER INSERT OR DELETE OR UPDATE OF
    created_at, user_id, group_id, tool_id, model, basis, cost, reported_cost, calculated_cost, input_tokens, output_tokens,
    cached_tokens, cache_write_tokens, reasoning_tokens, cache_saved
ON ai_usage FOR EACH ROW EXECUTE FUNCTION note_stale_usage_periods();

-- Reports read summaries. This index did not contain all columns that they sum.
DROP INDEX ai_usage_report;
