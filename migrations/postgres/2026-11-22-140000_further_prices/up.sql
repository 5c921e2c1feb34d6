-- What the catalogue prices beside text: sound, pictures, the cache that keeps for an hour.
ALTER TABLE ai_models ADD COLUMN further_prices TEXT NOT NULL DEFAULT '{}';
