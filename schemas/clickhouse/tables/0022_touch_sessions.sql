-- Touches without a visitor (`~user_id:…`, `~email:…`) belong to sessions too: to the one a server names by its client's id, or to the one
-- that their person has running. One row for each that has a session.
ALTER TABLE touchpoints ADD COLUMN IF NOT EXISTS client_session String
    COMMENT 'the session a server says it belongs to, by its client''s id' AFTER cost;

CREATE TABLE IF NOT EXISTS touch_sessions
(
    site           LowCardinality(String),
    person_id      String,
    touchpoint_id  UInt64,
    session_id     UInt64,
    version        UInt64,
    is_deleted     UInt8,
    rules_version  UInt64
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, person_id, touchpoint_id)
SETTINGS index_granularity = 1024;
