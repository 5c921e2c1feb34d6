-- What each request of the turn was built from, and the SHA-256 of its body. Null in rows of earlier versions.
ALTER TABLE turns ADD COLUMN requests TEXT;
