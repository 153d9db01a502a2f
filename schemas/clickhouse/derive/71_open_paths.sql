-- What came after a person's last conversion as the open path, and how far they came in the first stage model in all they ever
-- did.
INSERT INTO {{scratch}}.open_paths
WITH greatest(p.furthest, c.position) AS furthest
SELECT
    p.site AS site,
    p.person_id AS person_id,
    length(open) AS touches,
    open.3 AS path_channels,
    open.1 AS path_ts,
    open[-1].1 AS last_touch_at,
    ifNull({{open_stage_name}}, '') AS stage,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM {{scratch}}.progress AS p
LEFT ANY JOIN
(
    SELECT site, person_id, max(ts) AS converted_at, max({{furthest_by_conversion}}) AS position
    FROM ({{stage_conversions}})
    GROUP BY site, person_id
) AS c ON c.site = p.site AND c.person_id = p.person_id
ARRAY JOIN [arrayFilter(x -> c.person_id = '' OR x.1 > c.converted_at, p.steps)] AS open
WHERE notEmpty(open);
