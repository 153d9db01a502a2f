-- Links stand in both directions (id → other, other → id), so that whatever touches an identifier is one range of the key.
-- `subject` is that of the event, `secret` its authority; kind `mention` is no evidence.
ALTER TABLE identity_links ADD COLUMN IF NOT EXISTS subject String DEFAULT id_value;

ALTER TABLE identity_links ADD COLUMN IF NOT EXISTS secret UInt8;

INSERT INTO identity_links
    (site, id_type, id_value, other_type, other_value, kind, ts, received_at, event_id, evidence, log_gen, log_part, log_off, subject)
SELECT
    site, other_type, other_value, id_type, id_value, kind, ts, received_at, event_id, evidence, log_gen, log_part, log_off, id_value
FROM identity_links
WHERE id_type = 'visitor_id' AND kind = 'identify';

-- Links that somebody took back (`netiv unlink`). An empty selector is any; an identifier may stand on either side of the link.
CREATE TABLE IF NOT EXISTS identity_retractions
(
    retraction_id  String,
    site           LowCardinality(String),
    id_type        LowCardinality(String),
    id_value       String,
    other_type     LowCardinality(String),
    other_value    String,
    event_id       String,
    at             DateTime64(3, 'UTC'),
    by             String,
    reason         String
)
ENGINE = MergeTree
ORDER BY (site, retraction_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- That somebody was erased, when and how much of it; nothing of who it was.
CREATE TABLE IF NOT EXISTS erasures
(
    erasure_id  String,
    site        LowCardinality(String),
    at          DateTime64(3, 'UTC'),
    by          String,
    facts       UInt64
)
ENGINE = MergeTree
ORDER BY (site, erasure_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Who owns each identifier that some link names, when; derived level by level, from the strongest type down. `owners` as in
-- `identities`; `device_group` = who an identifier is while nobody owns it, where it is not itself.
CREATE TABLE IF NOT EXISTS identity_owners
(
    site          LowCardinality(String),
    id_type       LowCardinality(String),
    id_value      String,
    owned_from    Array(Int64),
    owners        Array(String),
    neighbours    UInt32 COMMENT 'distinct other identifiers, traces not counted',
    suppressed    UInt8 COMMENT '1 = more neighbours than its type may have: it connects nobody',
    device_group  String,
    first_seen    DateTime64(3, 'UTC') COMMENT 'on links',
    last_seen     DateTime64(3, 'UTC'),
    version       UInt64,
    is_deleted    UInt8,
    rules_version UInt64
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, id_type, id_value)
SETTINGS index_granularity = 1024;

ALTER TABLE identities ADD COLUMN IF NOT EXISTS neighbours UInt32;

ALTER TABLE identities ADD COLUMN IF NOT EXISTS suppressed UInt8;

ALTER TABLE identities ADD COLUMN IF NOT EXISTS device_group String;

ALTER TABLE identity_quarantine ADD COLUMN IF NOT EXISTS rules_version UInt64;
