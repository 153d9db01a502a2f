-- Keys that could not be derived, each alone and for a reason of its own (too much for the memory there is, say): left out of refreshes
-- until it works, tried again at growing intervals. What is derived of them is of before. Empty, mostly.
CREATE TABLE IF NOT EXISTS set_aside
(
    site        LowCardinality(String),
    kind        LowCardinality(String) COMMENT 'subject, conversion or person',
    key         String,
    code        Int32 COMMENT 'ClickHouse''s number of the last error',
    reason      String COMMENT 'its name, and the step that failed',
    first_at    DateTime64(3, 'UTC'),
    last_at     DateTime64(3, 'UTC') COMMENT 'of the last attempt',
    attempts    UInt32,
    version     UInt64,
    is_deleted  UInt8 COMMENT '1 = derived since'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, kind, key)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
