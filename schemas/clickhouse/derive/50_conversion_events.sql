-- Reports of conversions and refunds by the dirty subjects. Reports of one order share `conversion_id`: the order id
-- names a conversion, else the event id does.
INSERT INTO {{scratch}}.conversion_events
SELECT
    e.site AS site,
    sipHash64(e.site, if(e.order_id != '', concat('order:', e.order_id), concat('event:', e.event_id))) AS conversion_id,
    e.event_id AS event_id,
    e.subject AS subject,
    e.visitor_id AS visitor_id,
    if(p.person_id != '', p.person_id, concat('event:', e.event_id)) AS person_id,
    if(s.ended_at + toIntervalMillisecond({gap_ms:Int64}) >= e.ts, s.session_id, 0) AS session_id,
    {{level_of_person}} < {{device_level}} AS identified,
    e.type = 'refund' AS is_refund,
    if(is_refund, '', {{conversion_name}}) AS name,
    e.ts AS ts,
    e.received_at AS received_at,
    e.order_id AS order_id,
    e.value AS value,
    upper(e.currency) AS currency,
    {{reporter}} AS reporter,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM
(
    SELECT *
    FROM {{dirty_events}}
    WHERE {{is_conversion}} OR (type = 'refund' AND order_id != '')
) AS e
LEFT ANY JOIN {{scratch}}.persons AS p ON p.site = e.site AND p.log_gen = e.log_gen AND p.log_part = e.log_part AND p.log_off = e.log_off
ASOF LEFT JOIN (SELECT site, subject, started_at, ended_at, session_id FROM {{scratch}}.sessions) AS s
    ON s.site = e.site AND s.subject = e.subject AND s.started_at <= e.ts;
