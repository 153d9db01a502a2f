-- Who each event names: its strongest own identifier that is neither blocked nor taken back; one that connects nobody any more
-- only where there is no other. A place in the log and a person per event that names anybody at all.
SELECT site, log_gen, log_part, log_off, argMin(person, (precedence, level, candidate)) AS person_id
FROM
(
    SELECT
        e.site AS site, e.log_gen AS log_gen, e.log_part AS log_part, e.log_off AS log_off, e.candidate AS candidate,
        {{level_of_candidate}} AS level,
        multiIf(o.owner != '', o.owner, o.device_group != '', o.device_group, concat(candidate.1, ':', candidate.2)) AS person,
        -- a trace leads somewhere, or nowhere
        multiIf(level = {{trace_level}}, if(o.owner != '', 1, 3), o.suppressed, 2, 0) AS precedence
    FROM {{candidates_of_events}} AS e
    ASOF LEFT JOIN
    (
        SELECT site, id_type, id_value, suppressed, device_group, since, owner FROM {{owners_of_candidates}} {{stretches}}
    ) AS o ON o.site = e.site AND o.id_type = e.candidate.1 AND o.id_value = e.candidate.2 AND o.since <= e.ts_ms
    WHERE NOT {{candidate_is_blocked}} AND {{candidate_not_retracted}}
)
GROUP BY site, log_gen, log_part, log_off
