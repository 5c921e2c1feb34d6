UPDATE message_attachments SET size = 0 WHERE size IS NULL;
ALTER TABLE message_attachments ALTER COLUMN size SET NOT NULL;
