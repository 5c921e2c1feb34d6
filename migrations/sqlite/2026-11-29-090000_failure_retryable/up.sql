-- Whether the same message may succeed later, as the very failure was classified. Null in rows of earlier versions.
ALTER TABLE turns ADD COLUMN failure_retryable INTEGER CHECK (failure_retryable IN (0, 1));
