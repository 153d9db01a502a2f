-- Reports of conversions and refunds by the dirty subjects. Reports of one order share `conversion_id`: the order id
-- names a conversion, else the event id does. What counts, and what it is worth, is told by conversions.yaml. Their sessions come later.
INSERT INTO {{scratch}}.reports
SELECT
    e.site AS site,
    sipHash64(e.site, multiIf(
        e.told_order != '', concat('order:', e.told_order),
        e.told_event != '', concat('event:', e.told_event), concat('event:', e.event_id))) AS conversion_id,
    e.event_id AS event_id,
    e.subject AS subject,
    e.visitor_id AS visitor_id,
    if(p.person_id != '', p.person_id, concat('event:', e.event_id)) AS person_id,
    0 AS session_id,
    {{level_of_person}} < {{device_level}} AS identified,
    e.takes_back AS is_refund,
    e.told_refund_of AS refund_of,
    if(e.takes_back, '', e.told_name) AS name,
    e.ts AS ts,
    e.received_at AS received_at,
    e.told_order AS order_id,
    e.told_value AS value,
    upper(e.told_currency) AS currency,
    {{reporter}} AS reporter,
    if(e.secret, e.client_session, '') AS client_session,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM
(
    SELECT
        *,
        toUInt8({{is_refund}}) AS takes_back,
        {{refund_of}} AS told_refund_of,
        {{conversion_name}} AS told_name,
        {{conversion_order}} AS told_order,
        {{refunded_event}} AS told_event,
        {{conversion_value}} AS told_value,
        {{conversion_currency}} AS told_currency
    FROM {{dirty_events}}
    WHERE ({{is_conversion}} OR {{is_refund}})
        -- a refund of nothing in particular
        AND NOT (takes_back AND told_order = '' AND told_event = '')
) AS e
LEFT ANY JOIN {{scratch}}.persons AS p ON p.site = e.site AND p.log_gen = e.log_gen AND p.log_part = e.log_part AND p.log_off = e.log_off;
