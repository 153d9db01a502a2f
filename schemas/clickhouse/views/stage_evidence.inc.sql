-- Every showing of a stage: one row per model, stage and piece of evidence. Included by the view, and by the derivation of open
-- paths, which asks for the first model and some persons only. `number` counts a person's sessions.
SELECT site, person_id, ts, touchpoint_id, shown.1 AS stage_model, toUInt8(shown.2) AS position
FROM
(
    SELECT site, person_id, ts, touchpoint_id, {{shown_by_touch}} AS stages
    FROM {{touchpoints_of_stages}}
    UNION ALL
    SELECT site, person_id, ts, toUInt64(0) AS touchpoint_id, {{shown_by_session}} AS stages
    FROM
    (
        SELECT site, person_id, started_at AS ts, engaged, pageviews,
            row_number() OVER (PARTITION BY site, person_id ORDER BY started_at, session_id) AS number
        FROM {{sessions_of_stages}}
        WHERE NOT is_bot
    )
    UNION ALL
    SELECT site, person_id, ts, toUInt64(0) AS touchpoint_id, {{shown_by_conversion}} AS stages
    FROM
    (
        SELECT site, person_id, ts, name, groupArray(lower(toString(name))) OVER (
            PARTITION BY site, person_id ORDER BY ts, conversion_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS names_so_far
        FROM {{conversions_of_stages}}
    )
    UNION ALL
    SELECT site, person_id, ts, toUInt64(0) AS touchpoint_id,
        arrayMap((m, p) -> (toString(m), p, toUInt8(1)), stage_models, positions) AS stages
    FROM {{events_of_stages}}
)
ARRAY JOIN stages AS shown
