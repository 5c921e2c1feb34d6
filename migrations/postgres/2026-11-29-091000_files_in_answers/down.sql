DELETE FROM segments WHERE kind = 'file';
ALTER TABLE segments DROP CONSTRAINT segments_kind_check;
ALTER TABLE segments ADD CONSTRAINT segments_kind_check CHECK (kind IN ('text', 'reasoning'));
