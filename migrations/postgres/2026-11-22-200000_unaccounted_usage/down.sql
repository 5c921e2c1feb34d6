DROP INDEX ai_usage_unaccounted;
