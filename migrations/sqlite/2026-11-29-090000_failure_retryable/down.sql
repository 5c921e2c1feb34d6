ALTER TABLE turns DROP COLUMN failure_retryable;
