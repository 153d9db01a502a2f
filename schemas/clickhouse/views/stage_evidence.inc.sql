-- Every showing of a stage: one row per model, stage and piece of evidence.
SELECT site, person_id, ts, touchpoint_id, shown.1 AS stage_model, toUInt8(shown.2) AS position
FROM
(
    SELECT site, person_id, ts, touchpoint_id, {{shown_by_touch}} AS stages
    FROM {{touchpoints_of_stages}}
    UNION ALL
    SELECT site, person_id, ts, toUInt64(0) AS touchpoint_id, {{shown_by_session}} AS stages
    FROM ({{stage_sessions}})
    UNION ALL
    SELECT site, person_id, ts, toUInt64(0) AS touchpoint_id, {{shown_by_conversion}} AS stages
    FROM ({{stage_conversions}})
    UNION ALL
    SELECT site, person_id, ts, toUInt64(0) AS touchpoint_id,
        arrayMap((m, p) -> (toString(m), p, toUInt8(1)), stage_models, positions) AS stages
    FROM {{events_of_stages}}
)
ARRAY JOIN stages AS shown
