CREATE TABLE new_segments (
    turn_id BLOB NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    position INTEGER NOT NULL CHECK (position >= 0),
    kind TEXT NOT NULL CHECK (kind IN ('text', 'reasoning')),
    text TEXT NOT NULL,
    PRIMARY KEY (turn_id, position)
) STRICT, WITHOUT ROWID;
INSERT INTO new_segments (turn_id, position, kind, text) SELECT turn_id, position, kind, text FROM segments WHERE kind <> 'file';
DROP TABLE segments;
ALTER TABLE new_segments RENAME TO segments;
