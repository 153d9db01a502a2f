-- Facts: what was sent, never rewritten. Every row carries its log position (generation, partition, offset), so that a
-- consumer finds its place again from the table itself. Partitioned by the month of arrival, because client clocks can
-- span years and one insert must stay in one partition. Sorted by subject (the visitor, or what stands in for one), so
-- that refreshing a visitor reads a few granules. Blocks are small because reads are many short ranges.
CREATE TABLE IF NOT EXISTS events
(
    site            LowCardinality(String),
    subject         String COMMENT 'visitor_id; events without one: ~type:value of their strongest identifier',
    event_id        String,
    visitor_id      String,
    user_id         String,
    identifiers     Map(LowCardinality(String), String) COMMENT 'further identifiers; e-mail and phone as SHA-256',
    client_session  String COMMENT 'the session id the sender gave; sessions are derived here, not from it',
    type            LowCardinality(String),
    name            LowCardinality(String),
    ts              DateTime64(3, 'UTC'),
    ts_source       LowCardinality(String) COMMENT 'which clock ts comes from: skew, created, received, clamped',
    received_at     DateTime64(3, 'UTC'),
    sent_at         Nullable(DateTime64(3, 'UTC')),
    created_at      Nullable(DateTime64(3, 'UTC')),
    url             String,
    url_host        LowCardinality(String),
    referrer        String,
    referrer_host   LowCardinality(String),
    title           String,
    utm_source      LowCardinality(String) COMMENT 'of the touch, the context or the URL, in this order; as sent',
    utm_medium      LowCardinality(String),
    utm_campaign    LowCardinality(String),
    utm_content     LowCardinality(String),
    utm_term        LowCardinality(String),
    campaign_key    UInt64 COMMENT 'hash of the five above; 0 = none',
    click_id_type   LowCardinality(String),
    click_id        String,
    click_key       UInt64 COMMENT 'hash of the click id; 0 = none',
    touch_kind      LowCardinality(String),
    touch_channel   LowCardinality(String),
    touch_creative  String,
    touch_cost      Nullable(Decimal(18, 4)),
    value           Nullable(Decimal(18, 4)),
    currency        LowCardinality(String),
    order_id        String,
    country         LowCardinality(String),
    browser         LowCardinality(String),
    os              LowCardinality(String),
    device_type     LowCardinality(String),
    language        LowCardinality(String),
    is_bot          UInt8,
    active          UInt8 COMMENT '0 = the sender says that nobody was active (a background update)',
    consent         String,
    dialect         LowCardinality(String),
    secret          UInt8 COMMENT '1 = sent with the secret key, by a server',
    properties      String COMMENT 'JSON; fields we do not know are under $extra',
    log_gen         UInt32,
    log_part        UInt16,
    log_off         UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, subject, event_id)
SETTINGS index_granularity = 1024, min_compress_block_size = 4096, max_compress_block_size = 16384,
         fsync_after_insert = 1, fsync_part_directory = 1;

-- Evidence that an identifier belongs to a person. `kind` logout ends what an identify began.
CREATE TABLE IF NOT EXISTS identity_links
(
    site         LowCardinality(String),
    id_type      LowCardinality(String),
    id_value     String,
    other_type   LowCardinality(String),
    other_value  String,
    kind         LowCardinality(String) COMMENT 'identify, logout, device_link, alias, order, import',
    ts           DateTime64(3, 'UTC'),
    received_at  DateTime64(3, 'UTC'),
    event_id     String,
    evidence     LowCardinality(String) COMMENT 'type of the event that said so',
    log_gen      UInt32,
    log_part     UInt16,
    log_off      UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (site, id_type, id_value, other_type, other_value, event_id)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ad_costs
(
    site         LowCardinality(String),
    cost_id      String,
    day          Date,
    channel      LowCardinality(String),
    source       LowCardinality(String),
    medium       LowCardinality(String),
    campaign     String,
    cost         Decimal(18, 4),
    currency     LowCardinality(String),
    impressions  UInt64,
    clicks       UInt64,
    received_at  DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(received_at)
ORDER BY (site, day, cost_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What could not be understood, whole, with the reason. Keyed by log position, so that reading the log again changes nothing.
CREATE TABLE IF NOT EXISTS bad_events
(
    site         LowCardinality(String),
    received_at  DateTime64(3, 'UTC'),
    code         LowCardinality(String),
    pointer      String,
    message      String,
    payload      String,
    dialect      LowCardinality(String),
    secret       UInt8,
    sent_at      Nullable(DateTime64(3, 'UTC')),
    visitor_id   String,
    ip           String,
    user_agent   String,
    language     String,
    log_gen      UInt32,
    log_part     UInt16,
    log_off      UInt64
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (log_gen, log_part, log_off)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
