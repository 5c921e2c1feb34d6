-- Last answered request of the session as JSON, with which the next one is compared. Null before the first one.
ALTER TABLE sessions ADD COLUMN last_request TEXT;
-- Reason for which the provider had no beginning of the request in its cache, although one was expected.
ALTER TABLE ai_usage ADD COLUMN cache_miss TEXT CHECK (cache_miss IN
    ('cut', 'merged', 'withheld', 'model', 'provider', 'idle', 'tool_version', 'unknown'));
