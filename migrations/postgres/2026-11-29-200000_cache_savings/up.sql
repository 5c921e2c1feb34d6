-- What the cache of the provider saved, in pico-USD: negative if writes cost more than reads saved. Null if it is unknown,
-- and in rows of earlier versions.
ALTER TABLE ai_usage ADD COLUMN cache_saved BIGINT;
