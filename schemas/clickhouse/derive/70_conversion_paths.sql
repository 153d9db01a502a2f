-- Paths of the concerned persons: for each conversion the person's touchpoints up to it, within the look-back of their kind. They
-- are the largest rows there are, so they go into the derived table at once: their keys are those of the conversions.
-- Paths grow with touchpoints times conversions, which a screen in a shop, or a cookie that everybody has, makes millions of: a path
-- holds those of the last {{touches_max}} before it.
SELECT
    c.site AS site,
    c.person_id AS person_id,
    c.conversion_id AS conversion_id,
    c.ts AS converted_at,
    c.name AS name,
    c.value AS value,
    c.currency AS currency,
    c.number AS number,
    length(path) AS touches,
    path.3 AS path_channels,
    path.4 AS path_nodes,
    path.5 AS path_sources,
    path.6 AS path_mediums,
    path.7 AS path_campaigns,
    path.8 AS path_kinds,
    path.1 AS path_ts,
    path.2 AS path_touchpoint_ids,
    if(touches = 0, NULL, path[1].1) AS first_touch_at,
    if(touches = 0, NULL, dateDiff('millisecond', path[1].1, c.ts) / 1000) AS seconds_to_convert,
    length(arrayDistinct(arrayFilter(x -> x != 0, path.9))) AS devices,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM
(
    SELECT *, toUnixTimestamp64Milli(ts) AS ts_ms, row_number() OVER (PARTITION BY site, person_id ORDER BY ts, conversion_id) AS number,
        count() OVER (PARTITION BY site, person_id) AS conversions_of_person, {{touches_max}} AS touches_max
    FROM {{derived}}.conversions FINAL
    WHERE (site, person_id) IN (SELECT site, person_id FROM {{scratch}}.concerned_persons)
) AS c
ASOF LEFT JOIN
(
    SELECT site, person_id, steps[1].1 AS since, steps FROM {{scratch}}.steps WHERE length(steps) <= {{steps_uncut_max}}
    UNION ALL
    SELECT site, person_id, since, steps FROM {{scratch}}.pieces
) AS t ON t.site = c.site AND t.person_id = c.person_id AND t.since <= c.ts
ARRAY JOIN [arrayFilter(x -> c.ts_ms <= x.10, arraySlice(arrayFilter(x -> x.1 <= c.ts, t.steps), -toInt64(c.touches_max)))] AS path;
