-- Every derived row says under which rules it was derived (rule_versions tells them), and a session which returns from payment
-- providers, sign-on pages and the like it took for its own: 'session:host' within its time-out, 'list:host' after it, 'source:host'
-- where such a host is where the session begins, which then has no source.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS continuity Array(LowCardinality(String)) AFTER touches;

ALTER TABLE event_duplicates ADD COLUMN IF NOT EXISTS rules_version UInt64;

ALTER TABLE identities ADD COLUMN IF NOT EXISTS rules_version UInt64;

ALTER TABLE sessions ADD COLUMN IF NOT EXISTS rules_version UInt64;

ALTER TABLE touchpoints ADD COLUMN IF NOT EXISTS rules_version UInt64;

ALTER TABLE conversion_events ADD COLUMN IF NOT EXISTS rules_version UInt64;

ALTER TABLE conversions ADD COLUMN IF NOT EXISTS rules_version UInt64;

ALTER TABLE conversion_paths ADD COLUMN IF NOT EXISTS rules_version UInt64;

ALTER TABLE open_paths ADD COLUMN IF NOT EXISTS rules_version UInt64;

CREATE TABLE IF NOT EXISTS rule_versions
(
    version       UInt64,
    published_at  DateTime64(3, 'UTC') DEFAULT now64(3),
    rules         String COMMENT 'the rules, as JSON'
)
ENGINE = MergeTree
ORDER BY (version, published_at);
