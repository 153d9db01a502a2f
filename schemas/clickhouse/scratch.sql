-- Working tables of one refresher, in a database of its own. {{scratch}} is that database's name.
-- `journal`, `dirty_persons` and `dirty_conversions` are written before anything is rewritten and emptied after the offset
-- is committed, so a crash in between loses no key.
CREATE TABLE IF NOT EXISTS {{scratch}}.journal (site LowCardinality(String), subject String)
ENGINE = MergeTree ORDER BY (site, subject) SETTINGS index_granularity = 1024, fsync_after_insert = 1;

-- The slice of the journal that is being refreshed.
CREATE TABLE IF NOT EXISTS {{scratch}}.dirty_subjects (site LowCardinality(String), subject String) ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.dirty_persons (site LowCardinality(String), person_id String)
ENGINE = MergeTree ORDER BY (site, person_id) SETTINGS index_granularity = 1024, fsync_after_insert = 1;

CREATE TABLE IF NOT EXISTS {{scratch}}.dirty_conversions (site LowCardinality(String), conversion_id UInt64)
ENGINE = MergeTree ORDER BY (site, conversion_id) SETTINGS index_granularity = 1024, fsync_after_insert = 1;

-- What one refresh computed, before it goes to the derived table together with the tombstones of what it replaces.
CREATE TABLE IF NOT EXISTS {{scratch}}.event_duplicates AS event_duplicates ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.identities AS identities ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.sessions AS sessions ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.touchpoints AS touchpoints ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.conversion_events AS conversion_events ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.conversions AS conversions ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.conversion_paths AS conversion_paths ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.open_paths AS open_paths ENGINE = Memory;
