ALTER TABLE ai_usage DROP COLUMN reserved;
DROP TABLE budget_windows;
DROP TABLE budgets;
