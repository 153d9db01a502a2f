-- Paths of the concerned persons: for each conversion the person's touchpoints up to it, within the look-back of their kind, in
-- order; and what came after the last conversion as the open path. `arraySort` is not for looks: groupArray promises no order.
INSERT INTO {{scratch}}.conversion_paths
WITH
    touched AS
    (
        SELECT
            site,
            person_id,
            arraySort(groupArray((ts, touchpoint_id, channel, node, source, medium, campaign, kind, subject,
                {{lookback_ms}}))) AS steps
        FROM {{derived}}.touchpoints FINAL
        WHERE (site, person_id) IN (SELECT site, person_id FROM {{scratch}}.concerned_persons)
            AND (site, subject) IN (SELECT site, subject FROM {{scratch}}.their_subjects)
            -- only persons who converted have a path here
            AND (site, person_id) IN
            (
                SELECT site, person_id
                FROM {{derived}}.conversions FINAL
                WHERE (site, person_id) IN (SELECT site, person_id FROM {{scratch}}.concerned_persons)
            )
        GROUP BY site, person_id
    ),
    converted AS
    (
        SELECT *, row_number() OVER (PARTITION BY site, person_id ORDER BY ts, conversion_id) AS number
        FROM {{derived}}.conversions FINAL
        WHERE (site, person_id) IN (SELECT site, person_id FROM {{scratch}}.concerned_persons)
    )
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
    length(arrayDistinct(arrayFilter(x -> NOT startsWith(x, '~'), path.9))) AS devices,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM converted AS c
LEFT JOIN touched AS t ON t.site = c.site AND t.person_id = c.person_id
ARRAY JOIN [arrayFilter(x -> x.1 <= c.ts AND toUnixTimestamp64Milli(c.ts) - toUnixTimestamp64Milli(x.1) <= x.10, t.steps)] AS path;

-- The open path, and how far its person came in the first stage model, in all they ever did: one look at each table.
INSERT INTO {{scratch}}.open_paths
WITH last_conversion AS
(
    SELECT site, person_id, max(ts) AS converted_at
    FROM {{derived}}.conversions FINAL
    WHERE (site, person_id) IN (SELECT site, person_id FROM {{scratch}}.concerned_persons)
    GROUP BY site, person_id
)
SELECT
    site,
    person_id,
    length(steps) AS touches,
    steps.3 AS path_channels,
    steps.1 AS path_ts,
    steps[-1].1 AS last_touch_at,
    ifNull({{open_stage_name}}, '') AS stage,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM
(
    SELECT site, person_id, arraySort(groupArrayIf(step, is_open)) AS steps, max(position) AS furthest
    FROM
    (
        SELECT t.site AS site, t.person_id AS person_id, (t.ts, t.touchpoint_id, t.channel) AS step,
            c.person_id = '' OR t.ts > c.converted_at AS is_open, {{furthest_by_touch}} AS position
        FROM {{touchpoints_of_stages}} AS t
        LEFT JOIN last_conversion AS c ON c.site = t.site AND c.person_id = t.person_id
        UNION ALL
        SELECT site, person_id, (toDateTime64(0, 3, 'UTC'), toUInt64(0), ''), 0, {{furthest_by_session}}
        FROM ({{stage_sessions}})
        UNION ALL
        SELECT site, person_id, (toDateTime64(0, 3, 'UTC'), toUInt64(0), ''), 0, {{furthest_by_conversion}}
        FROM ({{stage_conversions}})
        UNION ALL
        SELECT site, person_id, (toDateTime64(0, 3, 'UTC'), toUInt64(0), ''), 0,
            arrayMax(arrayMap((m, p) -> if(m = {{first_stage_model}}, p, 0), stage_models, positions))
        FROM {{events_of_stages}}
    )
    GROUP BY site, person_id
    HAVING notEmpty(steps)
);
