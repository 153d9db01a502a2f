-- The chosen conversions, each with the session it belongs to. (They are a table, not a CTE: the engine would derive it anew
-- wherever it is named.)
SELECT
    c.site AS site,
    c.person_id AS person_id,
    c.conversion_id AS conversion_id,
    c.order_key AS order_key,
    c.ts AS ts,
    c.visitor_id AS visitor_id,
    {{session_of_report}} AS session_id,
    c.name AS name,
    c.order_id AS order_id,
    c.value AS value,
    c.refunded AS refunded,
    c.currency AS currency,
    c.reported_by AS reported_by,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM {{scratch}}.chosen AS c
{{sessions_of_conversions}};
