-- Files of clients that do not state a size, such as the file parts of the AI SDK.
ALTER TABLE message_attachments ALTER COLUMN size DROP NOT NULL;
