-- Touchpoints of the dirty subjects: the entry of every session, and explicit touches. A touch's own `channel` stands
-- where it names a channel of the rules; a touch that names a person belongs to that person, else to the subject's owner
-- at its moment. It carries the session it falls into, if one is running.
INSERT INTO {{scratch}}.touchpoints
SELECT
    site, subject, started_at AS ts, session_id AS touchpoint_id, person_id, session_id, 'visit' AS kind, node, channel, source, medium,
    campaign, content, term, '' AS creative, NULL AS cost, {version:UInt64} AS version, 0 AS is_deleted
FROM {{scratch}}.sessions
WHERE touches;

INSERT INTO {{scratch}}.touchpoints
WITH listed AS
(
    SELECT
        e.site AS site,
        e.subject AS subject,
        e.ts AS ts,
        sipHash64(e.site, e.subject, e.event_id) AS touchpoint_id,
        multiIf(
            e.user_id != '', concat('user_id:', e.user_id),
            i.owners[arrayLastIndex(f -> f <= toUnixTimestamp64Milli(e.ts), i.owned_from)] AS owner != '', owner,
            startsWith(e.subject, '~'), substring(e.subject, 2),
            concat('visitor_id:', e.subject)) AS person_id,
        if(s.ended_at + toIntervalMillisecond({gap_ms:Int64}) >= e.ts, s.session_id, 0) AS session_id,
        if(e.touch_kind = '', 'interaction', lower(e.touch_kind)) AS kind,
        e.touch_channel AS touch_channel,
        e.touch_creative AS creative,
        e.touch_cost AS cost,
        e.utm_source AS utm_source,
        e.utm_medium AS utm_medium,
        e.utm_campaign AS utm_campaign,
        e.utm_content AS utm_content,
        e.utm_term AS utm_term,
        e.click_id_type AS click_id_type,
        e.referrer_host AS referrer_host,
        e.url_host AS url_host
    FROM
    (
        SELECT *
        FROM events
        WHERE type = 'touch' AND NOT is_bot AND {{not_duplicate}}
            AND (site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects)
    ) AS e
    LEFT ANY JOIN {{scratch}}.identities AS i ON i.site = e.site AND i.id_value = e.subject AND i.id_type = 'visitor_id'
    ASOF LEFT JOIN (SELECT site, subject, started_at, ended_at, session_id FROM {{scratch}}.sessions) AS s
        ON s.site = e.site AND s.subject = e.subject AND s.started_at <= e.ts
)
SELECT
    site, subject, ts, touchpoint_id, person_id, session_id, kind, class.2 AS node, class.1 AS channel, source, medium,
    utm_campaign AS campaign, utm_content AS content, utm_term AS term, creative, cost, {version:UInt64} AS version, 0 AS is_deleted
FROM
(
    SELECT *, if({{known_channel}}, (toString(touch_channel), {{channel_node}}), {{channel}}) AS class
    FROM
    (
{{traffic_source}}
    )
);
