-- Which keys were refreshed when, by version: how several consumers tell a row of an older snapshot from a current one.
-- Written only where consumers share the tables. A note is of use for the length of a refresh, so it lives a day.
CREATE TABLE IF NOT EXISTS refreshes
(
    site     LowCardinality(String),
    kind     LowCardinality(String),
    key      String,
    version  UInt64 COMMENT 'microseconds since the epoch, by the server'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (site, kind, key)
TTL toDateTime(intDiv(version, 1000000)) + INTERVAL 1 DAY
SETTINGS index_granularity = 1024;
