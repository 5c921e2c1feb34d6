-- The forks of a session, newest activity first. It serves what the plain index served, too.
DROP INDEX sessions_parent;
CREATE INDEX sessions_parent_activity ON sessions (parent_session_id, last_activity_at DESC, id)
    WHERE parent_session_id IS NOT NULL;
