ALTER TABLE messages ADD COLUMN language TEXT;
