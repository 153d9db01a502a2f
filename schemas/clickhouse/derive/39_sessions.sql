-- Sessions of the dirty subjects: visits with their source.
INSERT INTO {{scratch}}.sessions
SELECT
    v.site AS site,
    v.subject AS subject,
    fromUnixTimestamp64Milli(v.start, 'UTC') AS started_at,
    sipHash64(v.site, v.subject, v.start) AS session_id,
    v.person_id AS person_id,
    fromUnixTimestamp64Milli(v.end, 'UTC') AS ended_at,
    v.count AS events,
    v.pageview AS pageviews,
    v.end - v.start >= 10000 OR v.pageview >= 2 OR v.conversion > 0 AS engaged,
    v.entry_url AS entry_url,
    v.exit_url AS exit_url,
    if(s.external, v.referrer, '') AS referrer,
    s.node AS node,
    s.channel AS channel,
    s.source AS source,
    s.medium AS medium,
    v.utm_campaign AS campaign,
    v.utm_content AS content,
    v.utm_term AS term,
    v.click_id_type AS click_id_type,
    v.country AS country,
    v.device_type AS device_type,
    v.is_bot AS is_bot,
    v.is_bot = 0 AND v.report < v.count AS touches,
    v.continuity AS continuity,
    v.client_sessions AS client_sessions,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM {{scratch}}.visits AS v
LEFT ANY JOIN {{scratch}}.sources AS s ON s.source_key = v.source_key;
