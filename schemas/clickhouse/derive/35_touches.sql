-- Explicit touches of the dirty subjects. A touch belongs to whom it names.
INSERT INTO {{scratch}}.touches
SELECT
    e.site AS site,
    e.subject AS subject,
    e.ts AS ts,
    sipHash64(e.site, e.subject, e.event_id) AS touchpoint_id,
    if(p.person_id != '', p.person_id, concat('event:', e.event_id)) AS person_id,
    if(trimBoth(e.touch_kind) = '', 'interaction', lower(trimBoth(e.touch_kind))) AS kind,
    {{told_channel}} AS touch_channel,
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
    if(e.secret, e.client_session, '') AS client_session,
    {{source_key}} AS source_key
FROM
(
    SELECT *
    FROM {{dirty_events}}
    WHERE type = 'touch' AND NOT is_bot
) AS e
LEFT ANY JOIN {{scratch}}.persons AS p ON p.site = e.site AND p.log_gen = e.log_gen AND p.log_part = e.log_part AND p.log_off = e.log_off;
