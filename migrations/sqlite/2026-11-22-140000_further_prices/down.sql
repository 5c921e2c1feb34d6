ALTER TABLE ai_models DROP COLUMN further_prices;
