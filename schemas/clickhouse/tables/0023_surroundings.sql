-- What every browser tells of itself and no table had: it was only in the log, for as long as that is kept.
ALTER TABLE events ADD COLUMN IF NOT EXISTS timezone LowCardinality(String) COMMENT 'IANA name, as sent' AFTER language;

ALTER TABLE events ADD COLUMN IF NOT EXISTS screen LowCardinality(String) COMMENT 'as sent, `1920x1080`; JSON where it was no text' AFTER timezone;

ALTER TABLE events ADD COLUMN IF NOT EXISTS seq UInt64 COMMENT 'the sender''s count of its visitor''s events; 0 = none' AFTER screen;
