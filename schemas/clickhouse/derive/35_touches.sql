-- Explicit touches of the dirty subjects. A touch that names a person belongs to that person, else to the subject's owner at its
-- moment.
INSERT INTO {{scratch}}.touches
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
    e.url_host AS url_host,
    {{touch_landing_path}} AS landing_path,
    {{source_key}} AS source_key
FROM
(
    SELECT *
    FROM events
    WHERE type = 'touch' AND NOT is_bot AND {{not_duplicate}}
        AND (site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects)
) AS e
LEFT ANY JOIN {{scratch}}.identities AS i ON i.site = e.site AND i.id_value = e.subject AND i.id_type = 'visitor_id';
