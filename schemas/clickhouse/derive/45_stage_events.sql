-- Plain events of the dirty subjects that show a stage (`event` in stages.yaml), bots aside.
INSERT INTO {{scratch}}.stage_events
SELECT
    e.site AS site,
    e.subject AS subject,
    e.event_id AS event_id,
    e.ts AS ts,
    if(p.person_id != '', p.person_id, concat('event:', e.event_id)) AS person_id,
    e.stages.1 AS stage_models,
    e.stages.2 AS positions,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM
(
    SELECT *, {{shown_by_event}} AS stages
    FROM {{dirty_events}}
    WHERE {{is_stage_event}} AND NOT is_bot
) AS e
LEFT ANY JOIN {{scratch}}.persons AS p ON p.site = e.site AND p.log_gen = e.log_gen AND p.log_part = e.log_part AND p.log_off = e.log_off;
