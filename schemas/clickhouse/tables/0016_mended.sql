-- Places in the log of bad events that were replayed and are bad no more. `bad_events` keeps them, as they were.
CREATE TABLE IF NOT EXISTS bad_events_mended
(
    log_gen      UInt32,
    log_part     UInt16,
    log_off      UInt64,
    received_at  DateTime64(3, 'UTC') COMMENT 'of the replay'
)
ENGINE = ReplacingMergeTree
ORDER BY (log_gen, log_part, log_off)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
