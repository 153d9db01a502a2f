-- Which conversions a refund is for (names; none = any), as the rules say.
ALTER TABLE conversion_events ADD COLUMN IF NOT EXISTS refund_of Array(LowCardinality(String)) AFTER is_refund;

-- Plain events that show a stage of a stage model.
CREATE TABLE IF NOT EXISTS stage_events
(
    site           LowCardinality(String),
    subject        String,
    event_id       String,
    ts             DateTime64(3, 'UTC'),
    person_id      String,
    stage_models   Array(LowCardinality(String)),
    positions      Array(UInt8) COMMENT 'of the stages shown, one per entry of stage_models',
    version        UInt64,
    is_deleted     UInt8,
    rules_version  UInt64
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, subject, event_id)
SETTINGS index_granularity = 1024;
