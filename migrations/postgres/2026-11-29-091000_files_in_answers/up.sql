-- Files of running turns, such as generated images: the text is the URL, and it takes one position.
ALTER TABLE segments DROP CONSTRAINT segments_kind_check;
ALTER TABLE segments ADD CONSTRAINT segments_kind_check CHECK (kind IN ('text', 'reasoning', 'file'));
