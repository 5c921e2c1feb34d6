-- What administrators lay down, and the log of what they do.

-- Rules of a group in their order, each as JSON text.
CREATE TABLE group_rules (
    group_id BLOB NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    position INTEGER NOT NULL CHECK (position >= 0),
    rule TEXT NOT NULL,
    PRIMARY KEY (group_id, position)
) STRICT, WITHOUT ROWID;

-- Rules of a user in their order.
CREATE TABLE user_rules (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    position INTEGER NOT NULL CHECK (position >= 0),
    rule TEXT NOT NULL,
    PRIMARY KEY (user_id, position)
) STRICT, WITHOUT ROWID;

-- An invitation names an address, whether or not a user has it, so that no answer tells which.
CREATE TABLE invitations (
    group_id BLOB NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    -- The address in lower-case ASCII, as in users.
    email_key TEXT NOT NULL,
    email TEXT NOT NULL CHECK (length(email) BETWEEN 1 AND 320),
    role TEXT NOT NULL CHECK (role IN ('member', 'admin')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (group_id, email_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_email ON invitations (email_key);

-- No foreign keys: an entry outlives everything that it names.
CREATE TABLE audit_events (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    created_at INTEGER NOT NULL,
    actor_id BLOB CHECK (length(actor_id) = 16),
    api_key_id BLOB CHECK (length(api_key_id) = 16),
    action TEXT NOT NULL,
    subject_type TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_events_actor ON audit_events (actor_id, id);
CREATE INDEX audit_events_subject ON audit_events (subject_id, id);
