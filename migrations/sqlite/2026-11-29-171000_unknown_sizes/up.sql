-- Files of clients that do not state a size, such as the file parts of the AI SDK.
CREATE TABLE new_message_attachments (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    message_id BLOB NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    filename TEXT NOT NULL CHECK (length(filename) BETWEEN 1 AND 255),
    mime_type TEXT NOT NULL CHECK (length(mime_type) BETWEEN 1 AND 100),
    size INTEGER CHECK (size >= 0),
    storage_provider TEXT NOT NULL CHECK (storage_provider IN ('local', 's3', 'gcs', 'url')),
    storage_key TEXT NOT NULL CHECK (length(storage_key) BETWEEN 1 AND 500),
    meta TEXT NOT NULL,
    uploaded_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
INSERT INTO new_message_attachments
    (id, message_id, filename, mime_type, size, storage_provider, storage_key, meta, uploaded_at, deleted_at)
    SELECT id, message_id, filename, mime_type, size, storage_provider, storage_key, meta, uploaded_at, deleted_at
    FROM message_attachments;
DROP TABLE message_attachments;
ALTER TABLE new_message_attachments RENAME TO message_attachments;
CREATE INDEX message_attachments_message ON message_attachments (message_id, id);
CREATE INDEX message_attachments_mime_type ON message_attachments (mime_type);
CREATE INDEX message_attachments_deleted ON message_attachments (deleted_at) WHERE deleted_at IS NOT NULL;
