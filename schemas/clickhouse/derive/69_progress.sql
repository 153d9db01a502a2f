-- The touchpoints of all concerned persons in order, and how far they came in the first stage model, conversions aside: one look
-- at each table.
INSERT INTO {{scratch}}.progress
SELECT site, person_id, arraySort(groupArrayIf(step, is_touch)) AS steps, max(position) AS furthest
FROM
(
    SELECT site, person_id, (ts, touchpoint_id, channel) AS step, 1 AS is_touch, {{furthest_by_touch}} AS position
    FROM {{touchpoints_of_stages}}
    UNION ALL
    SELECT site, person_id, (toDateTime64(0, 3, 'UTC'), toUInt64(0), ''), 0, {{furthest_by_session}}
    FROM ({{stage_sessions}})
    UNION ALL
    SELECT site, person_id, (toDateTime64(0, 3, 'UTC'), toUInt64(0), ''), 0,
        arrayMax(arrayMap((m, p) -> if(m = {{first_stage_model}}, p, 0), stage_models, positions))
    FROM {{events_of_stages}}
)
GROUP BY site, person_id
HAVING notEmpty(steps);
