-- Events that were erased, as hashes of site, subject and event id that name nobody: whatever arrives with one of these, sent again
-- or read from the log again, is dropped.
CREATE TABLE IF NOT EXISTS erased
(
    fingerprint  UInt64,
    erasure_id   String
)
ENGINE = ReplacingMergeTree
ORDER BY fingerprint
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Erasures under way, each with all that it removes, so that one which was cut short is brought to its end. Empty otherwise.
CREATE TABLE IF NOT EXISTS erasing
(
    erasure_id  String,
    plan        String COMMENT 'JSON'
)
ENGINE = MergeTree
ORDER BY erasure_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
