DROP TRIGGER ai_usage_truncated ON ai_usage;
DROP FUNCTION restart_usage_summaries();
CREATE OR REPLACE FUNCTION note_stale_usage_periods() RETURNS trigger LANGUAGE plpgsql AS $$
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
