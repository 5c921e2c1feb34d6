-- Rows that were closed for a process that is gone and that nobody has priced yet: pending, and without a look-up.
CREATE INDEX ai_usage_unaccounted ON ai_usage (created_at) WHERE basis = 'pending' AND next_lookup_at IS NULL;
