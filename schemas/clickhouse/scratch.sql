-- Working tables of one refresher, in a database of its own. {{scratch}} is that database's name.
-- `journal`, `dirty_persons` and `dirty_conversions` are written before anything is rewritten and emptied after the offset
-- is committed, so a crash in between loses no key.
CREATE TABLE IF NOT EXISTS {{scratch}}.journal
(
    cycle UInt64, site LowCardinality(String), subject String,
    since Int64 DEFAULT 0 COMMENT 'epoch ms of the earliest new event; 0 = everything of the subject is to be derived'
)
ENGINE = MergeTree PARTITION BY cycle ORDER BY (site, subject) SETTINGS index_granularity = 1024, fsync_after_insert = 1;

ALTER TABLE {{scratch}}.journal ADD COLUMN IF NOT EXISTS since Int64 DEFAULT 0;

-- Has a row for as long as the tables in memory have what was put into them: a server that begins anew has them all empty.
CREATE TABLE IF NOT EXISTS {{scratch}}.present (since UInt8) ENGINE = Memory;

-- The slice of the journal that is being refreshed; from when on its events matter; and these events. (What a Join table gives
-- where it has no row is the server's default profile's to say, whatever the settings of a statement, unless it stands here.)
CREATE TABLE IF NOT EXISTS {{scratch}}.dirty_subjects (site LowCardinality(String), subject String, since Int64) ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.bounds (site String, subject String, bound Int64) ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.bound_of (site String, subject String, bound Int64)
ENGINE = Join(ANY, LEFT, site, subject) SETTINGS persistent = 0, join_use_nulls = 0;

CREATE TABLE IF NOT EXISTS {{scratch}}.dirty_events AS events ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.dirty_persons (site LowCardinality(String), person_id String)
ENGINE = MergeTree ORDER BY (site, person_id) SETTINGS index_granularity = 1024, fsync_after_insert = 1;

CREATE TABLE IF NOT EXISTS {{scratch}}.dirty_conversions (site LowCardinality(String), conversion_id UInt64)
ENGINE = MergeTree ORDER BY (site, conversion_id) SETTINGS index_granularity = 1024, fsync_after_insert = 1;

-- Visits and touches before their source is known; combinations of theirs that are new; and the sources of all that were seen
-- under the rules in force, which stay from one refresh to the next.
CREATE TABLE IF NOT EXISTS {{scratch}}.visits
(
    site LowCardinality(String), subject String, start Int64, end Int64, person_id String, count UInt32, pageview UInt32,
    conversion UInt32, report UInt32, entry_url String, country LowCardinality(String), device_type LowCardinality(String),
    is_bot UInt8, exit_url String, referrer String, referrer_host LowCardinality(String), url_host LowCardinality(String),
    utm_source LowCardinality(String), utm_medium LowCardinality(String), utm_campaign LowCardinality(String),
    utm_content LowCardinality(String), utm_term LowCardinality(String), click_id_type LowCardinality(String),
    kind LowCardinality(String), landing_path LowCardinality(String), continuity Array(LowCardinality(String)), client_sessions Array(String), source_key UInt64
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.touches
(
    site LowCardinality(String), subject String, ts DateTime64(3, 'UTC'), touchpoint_id UInt64, person_id String,
    kind LowCardinality(String), touch_channel LowCardinality(String), creative String, cost Nullable(Decimal(18, 4)),
    utm_source LowCardinality(String), utm_medium LowCardinality(String), utm_campaign LowCardinality(String),
    utm_content LowCardinality(String), utm_term LowCardinality(String), click_id_type LowCardinality(String),
    referrer_host LowCardinality(String), url_host LowCardinality(String), landing_path LowCardinality(String),
    client_session String, source_key UInt64
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.combinations
(
    source_key UInt64, site LowCardinality(String), utm_source LowCardinality(String), utm_medium LowCardinality(String),
    utm_campaign LowCardinality(String), click_id_type LowCardinality(String), referrer_host LowCardinality(String),
    url_host LowCardinality(String), kind LowCardinality(String), landing_path LowCardinality(String)
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.sources
(
    source_key UInt64, source String, medium String, category String, external UInt8, channel String, node String
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.their_subjects (site LowCardinality(String), subject String) ENGINE = Memory;

-- Whose conversions and paths a refresh derives, and which conversions: by what was (the dirty ones) and by what is now.
CREATE TABLE IF NOT EXISTS {{scratch}}.concerned_persons (site LowCardinality(String), person_id String) ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.concerned_conversions (site LowCardinality(String), conversion_id UInt64) ENGINE = Memory;

-- Conversions before their session is known.
CREATE TABLE IF NOT EXISTS {{scratch}}.chosen
(
    site LowCardinality(String), person_id String, conversion_id UInt64, order_key UInt64, ts DateTime64(3, 'UTC'),
    visitor_id String, own_session UInt64, client_session String, name LowCardinality(String), order_id String,
    value Decimal(18, 4), refunded Decimal(18, 4), currency LowCardinality(String), reported_by Array(LowCardinality(String))
)
ENGINE = Memory;

-- Touchpoints in order: all that paths tell of them, by persons who may have converted; and how far each person came by them.
CREATE TABLE IF NOT EXISTS {{scratch}}.steps
(
    site LowCardinality(String), person_id String,
    steps Array(Tuple(
        DateTime64(3, 'UTC'), UInt64, LowCardinality(String), LowCardinality(String), LowCardinality(String), LowCardinality(String),
        LowCardinality(String), LowCardinality(String), UInt64, Int64))
)
ENGINE = Memory;

-- The same of persons who have very many, cut; `since` = the first moment of a piece's own.
CREATE TABLE IF NOT EXISTS {{scratch}}.pieces
(
    site LowCardinality(String), person_id String, since DateTime64(3, 'UTC'),
    steps Array(Tuple(
        DateTime64(3, 'UTC'), UInt64, LowCardinality(String), LowCardinality(String), LowCardinality(String), LowCardinality(String),
        LowCardinality(String), LowCardinality(String), UInt64, Int64))
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.progress
(
    site LowCardinality(String), person_id String, steps Array(Tuple(DateTime64(3, 'UTC'), UInt64, LowCardinality(String))), furthest UInt8
)
ENGINE = Memory;

-- What one refresh computed, before it goes to the derived table together with the tombstones of what it replaces.
CREATE TABLE IF NOT EXISTS {{scratch}}.event_duplicates AS event_duplicates ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.identities AS identities ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.sessions AS sessions ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.touchpoints AS touchpoints ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.stage_events AS stage_events ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.reports AS conversion_events ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.conversion_events AS conversion_events ENGINE = Memory;

-- Touches without a visitor before their session is known.
CREATE TABLE IF NOT EXISTS {{scratch}}.lone_touches
(
    site LowCardinality(String), person_id String, touchpoint_id UInt64, ts DateTime64(3, 'UTC'), client_session String, own_session UInt64
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.touch_sessions AS touch_sessions ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.open_paths AS open_paths ENGINE = Memory;


-- Identifiers: which are to be resolved, what was found of them on the way, and what the changed ones reach.
CREATE TABLE IF NOT EXISTS {{scratch}}.todo (site LowCardinality(String), id_type String, id_value String, level UInt8, round UInt32)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.degrees
(
    site LowCardinality(String), id_type String, id_value String, neighbours UInt32, suppressed UInt8,
    first_seen DateTime64(3, 'UTC'), last_seen DateTime64(3, 'UTC')
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.judged (site LowCardinality(String), id_type String, id_value String, blocked UInt8)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.reached (site LowCardinality(String), id_type String, id_value String) ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.changed (site LowCardinality(String), id_type String, id_value String) ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.compared (site LowCardinality(String), id_type String, id_value String, newest UInt64)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.members (site LowCardinality(String), id_type String, id_value String, hop UInt32) ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.edges
(
    site LowCardinality(String), id_type String, id_value String, other_type String, other_value String
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.groups
(
    site LowCardinality(String), id_type String, id_value String, label String, wide_label String
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.claims
(
    site LowCardinality(String), holder String, subject String, event_id String, ts_ms Int64, left UInt8,
    other_type String, other_value String, level_other UInt8
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.candidates
(
    site LowCardinality(String), subject String, event_id String, ts_ms Int64, log_gen UInt32, log_part UInt16, log_off UInt64,
    candidate Tuple(String, String)
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.persons
(
    site LowCardinality(String), log_gen UInt32, log_part UInt16, log_off UInt64, person_id String
)
ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.identity_owners AS identity_owners ENGINE = Memory;

CREATE TABLE IF NOT EXISTS {{scratch}}.identity_quarantine AS identity_quarantine ENGINE = Memory;
