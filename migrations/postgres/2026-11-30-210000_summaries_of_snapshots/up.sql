-- A transaction with a snapshot reads an end of the summaries that may have moved since. It notes each period that it
-- changes; one that is not summarized yet stays noted until it is.
CREATE OR REPLACE FUNCTION note_stale_usage_periods() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Of an inserted row OLD is null, and of a deleted one NEW.
    IF current_setting('transaction_isolation') <> 'read committed'
        OR LEAST(OLD.created_at, NEW.created_at) < (SELECT ends_at FROM usage_summary_end)
    THEN
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

-- TRUNCATE runs no triggers of rows.
CREATE FUNCTION restart_usage_summaries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE usage_summary_end SET ends_at = 0;
    RETURN NULL;
END;
$$;
CREATE TRIGGER ai_usage_truncated AFTER TRUNCATE ON ai_usage EXECUTE FUNCTION restart_usage_summaries();
