DROP INDEX ai_usage_report;
