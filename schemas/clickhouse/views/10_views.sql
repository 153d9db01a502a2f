-- What BI tools read: current rows only, persons resolved. {{…}} is replaced when the file is applied.
-- Ids are UInt64; 0 = none (a touch outside any session).

-- Events that count (no repeated ones), each with its person: what `v_events` shows, with all that is stored of an event.
CREATE OR REPLACE VIEW events_with_persons AS
SELECT
    e.*,
    multiIf(
        named != '', named,
        startsWith(e.subject, '~') OR visitor = '', concat('event:', e.event_id),
        owner != '', owner,
        device_group != '', device_group,
        concat('visitor_id:', e.subject)) AS person_id
FROM (SELECT * FROM events WHERE (log_gen, log_part, log_off) NOT IN (SELECT log_gen, log_part, log_off FROM event_duplicates FINAL)) AS e
-- (names of their own: `e.*` would carry its prefix into the view where a name is told twice)
ASOF LEFT JOIN
(
    SELECT of_site, visitor, device_group, since, owner
    FROM (SELECT site AS of_site, id_value AS visitor, owners, owned_from, device_group FROM identities FINAL WHERE id_type = 'visitor_id')
    {{stretches}}
) AS i ON of_site = e.site AND visitor = e.subject AND since <= toUnixTimestamp64Milli(e.ts)
LEFT ANY JOIN
(
    -- events that name more than their visitor
    SELECT site AS at_site, log_gen AS at_gen, log_part AS at_part, log_off AS at_off, person_id AS named
    FROM ({{event_persons_of_view}})
) AS p ON at_site = e.site AND at_gen = e.log_gen AND at_part = e.log_part AND at_off = e.log_off;

CREATE OR REPLACE VIEW v_events AS
SELECT
    e.site AS site, e.event_id AS event_id, e.visitor_id AS visitor_id, e.person_id AS person_id, e.user_id AS user_id,
    if(s.ended_at + toIntervalMillisecond({{gap_ms}}) >= e.ts, s.session_id, 0) AS session_id,
    e.type AS type, e.name AS name, e.ts AS ts, e.received_at AS received_at, e.sent_at AS sent_at, e.created_at AS created_at,
    e.url AS url, e.referrer AS referrer, e.title AS title, e.utm_source AS utm_source, e.utm_medium AS utm_medium,
    e.utm_campaign AS utm_campaign, e.utm_content AS utm_content, e.utm_term AS utm_term,
    e.click_id_type AS click_id_type, e.click_id AS click_id, e.value AS value, e.currency AS currency, e.order_id AS order_id,
    e.country AS country, e.browser AS browser, e.os AS os, e.device_type AS device_type, e.language AS language,
    e.timezone AS timezone, e.screen AS screen, e.seq AS seq,
    e.is_bot AS is_bot, e.consent AS consent, e.dialect AS dialect, e.properties AS properties, e.identifiers AS identifiers
FROM events_with_persons AS e
ASOF LEFT JOIN (SELECT site, subject, started_at, ended_at, session_id FROM sessions FINAL) AS s
    ON s.site = e.site AND s.subject = e.subject AND s.started_at <= e.ts;

CREATE OR REPLACE VIEW v_sessions AS
SELECT
    s.site AS site, s.session_id AS session_id, s.subject AS visitor_id, s.person_id AS person_id,
    s.started_at AS started_at, s.ended_at AS ended_at, s.events AS events, s.pageviews AS pageviews, s.engaged AS engaged,
    s.entry_url AS entry_url, s.exit_url AS exit_url, s.referrer AS referrer, s.node AS node, s.channel AS channel,
    s.source AS source, s.medium AS medium, s.campaign AS campaign, s.content AS content, s.term AS term,
    s.click_id_type AS click_id_type, s.country AS country, s.device_type AS device_type, s.is_bot AS is_bot,
    s.continuity AS continuity,
    toUInt32(c.conversions) AS conversions
FROM (SELECT * FROM sessions FINAL) AS s
LEFT JOIN (SELECT site, session_id, count() AS conversions FROM conversions FINAL WHERE session_id != 0 GROUP BY site, session_id) AS c
    ON c.site = s.site AND c.session_id = s.session_id;

CREATE OR REPLACE VIEW v_touchpoints AS
SELECT
    site, touchpoint_id, person_id, subject AS visitor_id, session_id, ts, kind, node, channel, source, medium, campaign, content,
    term, creative, cost
FROM touchpoints FINAL
WHERE NOT startsWith(subject, '~')
UNION ALL
-- touches without a visitor, a stretch of the table; an id alone is a far cheaper key than all three columns
SELECT
    t.site AS site, t.touchpoint_id AS touchpoint_id, t.person_id AS person_id, '' AS visitor_id,
    if(s.site = t.site AND s.person_id = t.person_id, s.session_id, 0) AS session_id, t.ts AS ts, t.kind AS kind, t.node AS node,
    t.channel AS channel, t.source AS source, t.medium AS medium, t.campaign AS campaign, t.content AS content, t.term AS term,
    t.creative AS creative, t.cost AS cost
FROM (SELECT * FROM touchpoints FINAL WHERE startsWith(subject, '~')) AS t
LEFT ANY JOIN (SELECT site, person_id, touchpoint_id, session_id FROM touch_sessions FINAL) AS s ON s.touchpoint_id = t.touchpoint_id;

CREATE OR REPLACE VIEW v_conversions AS
SELECT
    site, conversion_id, person_id, visitor_id, session_id, ts, name, order_id, value, currency, refunded, reported_by,
    toUInt32(row_number() OVER (PARTITION BY site, person_id ORDER BY ts, conversion_id)) AS number
FROM conversions FINAL;

CREATE OR REPLACE VIEW v_conversion_paths AS
SELECT
    site, conversion_id, person_id, converted_at, name, value, currency, number, touches, path_channels, path_nodes, path_sources,
    path_mediums, path_campaigns, path_kinds, path_ts, path_touchpoint_ids, first_touch_at, seconds_to_convert, devices
FROM conversion_paths FINAL;

CREATE OR REPLACE VIEW v_open_paths AS
SELECT site, person_id, touches, path_channels, path_ts, last_touch_at, stage
FROM open_paths FINAL;

CREATE OR REPLACE VIEW v_identities AS
SELECT site, id_type, id_value, person_id, shared, first_seen, last_seen, neighbours, suppressed
FROM identities FINAL;

CREATE OR REPLACE VIEW v_identity_quarantine AS
SELECT site, id_type, id_value, rule, event_id, evidence, first_seen
FROM identity_quarantine FINAL;

CREATE OR REPLACE VIEW v_identity_owners AS
SELECT
    site, id_type, id_value,
    multiIf(stretch.1 != '', stretch.1, device_group != '', device_group, concat(id_type, ':', id_value)) AS person_id,
    fromUnixTimestamp64Milli(stretch.2, 'UTC') AS owned_from,
    if(stretch.3 = 0, NULL, fromUnixTimestamp64Milli(stretch.3, 'UTC')) AS owned_until
FROM
(
    SELECT site, id_type, id_value, device_group, arrayZip(owners, identities.owned_from, arrayPushBack(arrayPopFront(identities.owned_from), toInt64(0))) AS stretches
    FROM identities FINAL
)
ARRAY JOIN stretches AS stretch;

-- The evidence, each link in both directions, and whether it counts: `stands`, or why it does not.
CREATE OR REPLACE VIEW v_identity_links AS
SELECT site, id_type, id_value, other_type, other_value, kind, evidence, ts, event_id, {{link_standing}} AS standing
FROM identity_links;

CREATE OR REPLACE VIEW v_bad_events AS
SELECT site, received_at, code, pointer, message, payload, dialect, log_gen, log_part, log_off
FROM bad_events FINAL;
