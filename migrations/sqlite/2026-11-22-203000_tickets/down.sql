DROP TABLE stream_tickets;
ALTER TABLE groups DROP COLUMN requests_per_minute;
