-- Which consumer may insert the facts of a log partition: the newest claim. An insert of facts asks this table within its own
-- statement, so whoever lost a partition without knowing (frozen, cut off) inserts nothing when it comes back.
CREATE TABLE IF NOT EXISTS log_claims
(
    log_gen   UInt32,
    log_part  UInt16,
    epoch     UInt64 COMMENT 'grows with every claim; microseconds of the server where it is ahead',
    owner     String
)
ENGINE = ReplacingMergeTree(epoch)
ORDER BY (log_gen, log_part)
SETTINGS fsync_after_insert = 1;
