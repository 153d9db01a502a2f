-- Touchpoints of the dirty subjects: the entry of every session, of the kind its channel's rule gives, and explicit touches. A touch's own `channel` stands where it
-- names a channel of the rules. It carries the session of its visitor that a server names, or that is running, if one
-- is; those of touches without a visitor hang on more than their subject: see 66_touch_sessions.sql.
INSERT INTO {{scratch}}.touchpoints
SELECT
    site, subject, started_at AS ts, session_id AS touchpoint_id, person_id, session_id, {{visit_kind}} AS kind, node, channel, source, medium,
    campaign, content, term, '' AS creative, NULL AS cost, '' AS client_session, {version:UInt64} AS version, 0 AS is_deleted,
    {rules_version:UInt64} AS rules_version
FROM {{scratch}}.sessions
WHERE touches;

INSERT INTO {{scratch}}.touchpoints
SELECT
    t.site AS site,
    t.subject AS subject,
    t.ts AS ts,
    t.touchpoint_id AS touchpoint_id,
    t.person_id AS person_id,
    multiIf({{named_visit}} != 0, {{named_visit}}, v.ended_at + toIntervalMillisecond({gap_ms:Int64}) >= t.ts, v.session_id, 0) AS session_id,
    t.kind AS kind,
    if({{known_channel}}, {{channel_node}}, s.node) AS node,
    if({{known_channel}}, toString(t.touch_channel), s.channel) AS channel,
    s.source AS source,
    s.medium AS medium,
    t.utm_campaign AS campaign,
    t.utm_content AS content,
    t.utm_term AS term,
    t.creative AS creative,
    t.cost AS cost,
    t.client_session AS client_session,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM {{scratch}}.touches AS t
LEFT ANY JOIN {{scratch}}.sources AS s ON s.source_key = t.source_key
ASOF LEFT JOIN (SELECT site, subject, started_at, ended_at, session_id FROM {{scratch}}.sessions) AS v
    ON v.site = t.site AND v.subject = t.subject AND v.started_at <= t.ts
{{named_visits}};
