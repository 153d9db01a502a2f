-- Derived: always re-derivable from facts and rules. One row per key, the newest snapshot wins (`version` is the time of
-- the snapshot that was read, in microseconds), rows a refresh no longer produces get a tombstone (is_deleted = 1).
-- Tables are sorted by what a refresh is asked for: subject for what a visitor does, person for what a person did.

-- Who owns an identifier when. owners[i] holds from owned_from[i] (epoch ms, ascending; the first reaches back for ever)
-- until owned_from[i + 1]. '' = nobody: the device stands for itself. One row holds the whole history of an
-- identifier, so replacing it is atomic.
CREATE TABLE IF NOT EXISTS identities
(
    site        LowCardinality(String),
    id_type     LowCardinality(String),
    id_value    String,
    person_id   String COMMENT 'the latest owner',
    shared      UInt8,
    owned_from  Array(Int64),
    owners      Array(String),
    first_seen  DateTime64(3, 'UTC'),
    last_seen   DateTime64(3, 'UTC'),
    version     UInt64,
    is_deleted  UInt8
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, id_type, id_value)
SETTINGS index_granularity = 1024;

CREATE TABLE IF NOT EXISTS identity_quarantine
(
    site        LowCardinality(String),
    id_type     LowCardinality(String),
    id_value    String,
    rule        LowCardinality(String),
    event_id    String,
    evidence    String,
    first_seen  DateTime64(3, 'UTC'),
    version     UInt64,
    is_deleted  UInt8
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, id_type, id_value, rule, event_id);

-- Facts that repeat an event already known (same site and event_id, later arrival). Readers of `events` leave them out.
CREATE TABLE IF NOT EXISTS event_duplicates
(
    site        LowCardinality(String),
    subject     String,
    event_id    String,
    log_gen     UInt32,
    log_part    UInt16,
    log_off     UInt64,
    version     UInt64,
    is_deleted  UInt8
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, subject, log_gen, log_part, log_off)
SETTINGS index_granularity = 1024;

CREATE TABLE IF NOT EXISTS sessions
(
    site           LowCardinality(String),
    subject        String,
    started_at     DateTime64(3, 'UTC'),
    session_id     UInt64,
    person_id      String,
    ended_at       DateTime64(3, 'UTC'),
    events         UInt32,
    pageviews      UInt32,
    engaged        UInt8,
    entry_url      String,
    exit_url       String,
    referrer       String,
    node           LowCardinality(String),
    channel        LowCardinality(String),
    source         LowCardinality(String),
    medium         LowCardinality(String),
    campaign       LowCardinality(String),
    content        LowCardinality(String),
    term           LowCardinality(String),
    click_id_type  LowCardinality(String),
    country        LowCardinality(String),
    device_type    LowCardinality(String),
    is_bot         UInt8,
    touches        UInt8 COMMENT '0 = no touchpoint: a bot, or nothing but conversions reported by a server',
    version        UInt64,
    is_deleted     UInt8
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, subject, started_at)
SETTINGS index_granularity = 1024;

CREATE TABLE IF NOT EXISTS touchpoints
(
    site           LowCardinality(String),
    subject        String,
    ts             DateTime64(3, 'UTC'),
    touchpoint_id  UInt64,
    person_id      String,
    session_id     UInt64,
    kind           LowCardinality(String),
    node           LowCardinality(String),
    channel        LowCardinality(String),
    source         LowCardinality(String),
    medium         LowCardinality(String),
    campaign       LowCardinality(String),
    content        LowCardinality(String),
    term           LowCardinality(String),
    creative       String,
    cost           Nullable(Decimal(18, 4)),
    version        UInt64,
    is_deleted     UInt8
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, subject, ts, touchpoint_id)
SETTINGS index_granularity = 1024;

-- One row per report of a conversion or refund; `conversions` merges the reports of one order. A browser and a server may
-- report under one event id, so the subject is part of the key.
CREATE TABLE IF NOT EXISTS conversion_events
(
    site           LowCardinality(String),
    conversion_id  UInt64,
    event_id       String,
    subject        String,
    visitor_id     String,
    person_id      String,
    session_id     UInt64,
    identified     UInt8 COMMENT '1 = the report itself names the person',
    is_refund      UInt8,
    name           LowCardinality(String),
    ts             DateTime64(3, 'UTC'),
    received_at    DateTime64(3, 'UTC'),
    order_id       String,
    value          Nullable(Decimal(18, 4)),
    currency       LowCardinality(String),
    reporter       LowCardinality(String),
    version        UInt64,
    is_deleted     UInt8
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, conversion_id, event_id, subject)
SETTINGS index_granularity = 1024;

CREATE TABLE IF NOT EXISTS conversions
(
    site           LowCardinality(String),
    person_id      String,
    conversion_id  UInt64,
    ts             DateTime64(3, 'UTC'),
    visitor_id     String,
    session_id     UInt64,
    name           LowCardinality(String),
    order_id       String,
    value          Decimal(18, 4) COMMENT 'after refunds',
    refunded       Decimal(18, 4),
    currency       LowCardinality(String),
    reported_by    Array(LowCardinality(String)),
    version        UInt64,
    is_deleted     UInt8
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, person_id, conversion_id)
SETTINGS index_granularity = 1024;

-- An index, not a truth: which subjects may hold touchpoints of a person. Rows are only added; a stale one costs a look.
CREATE TABLE IF NOT EXISTS person_subjects
(
    site       LowCardinality(String),
    person_id  String,
    subject    String
)
ENGINE = ReplacingMergeTree
ORDER BY (site, person_id, subject)
SETTINGS index_granularity = 1024;

CREATE TABLE IF NOT EXISTS conversion_paths
(
    site                 LowCardinality(String),
    person_id            String,
    conversion_id        UInt64,
    converted_at         DateTime64(3, 'UTC'),
    name                 LowCardinality(String),
    value                Decimal(18, 4),
    currency             LowCardinality(String),
    number               UInt32,
    touches              UInt32,
    path_channels        Array(LowCardinality(String)),
    path_nodes           Array(LowCardinality(String)),
    path_sources         Array(LowCardinality(String)),
    path_mediums         Array(LowCardinality(String)),
    path_campaigns       Array(LowCardinality(String)),
    path_kinds           Array(LowCardinality(String)),
    path_ts              Array(DateTime64(3, 'UTC')),
    path_touchpoint_ids  Array(UInt64),
    first_touch_at       Nullable(DateTime64(3, 'UTC')),
    seconds_to_convert   Nullable(Float64),
    devices              UInt32,
    version              UInt64,
    is_deleted           UInt8
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, person_id, conversion_id)
SETTINGS index_granularity = 1024;

CREATE TABLE IF NOT EXISTS open_paths
(
    site           LowCardinality(String),
    person_id      String,
    touches        UInt32,
    path_channels  Array(LowCardinality(String)),
    path_ts        Array(DateTime64(3, 'UTC')),
    last_touch_at  DateTime64(3, 'UTC'),
    stage          LowCardinality(String),
    version        UInt64,
    is_deleted     UInt8
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (site, person_id)
SETTINGS index_granularity = 1024;

-- Which rules are in force: hosts that name a traffic source. Filled from the rule files at every start.
CREATE TABLE IF NOT EXISTS referrer_hosts
(
    host      String,
    source    String,
    category  LowCardinality(String) COMMENT 'search, social, video, shopping, email, ai, community, review'
)
ENGINE = ReplacingMergeTree
ORDER BY host;

-- Ordered channel rules, first match wins; `condition` is compiled from the rule file and shown to whoever asks why.
CREATE TABLE IF NOT EXISTS channel_rules
(
    position   UInt16,
    channel    LowCardinality(String),
    node       LowCardinality(String),
    condition  String
)
ENGINE = ReplacingMergeTree
ORDER BY position;
