-- Stages of the models in stages.yaml, over touchpoints, sessions and conversions. Bots show nothing.

-- Every showing of a stage: one row per model, stage and piece of evidence.
CREATE OR REPLACE VIEW v_stage_evidence AS
SELECT site, person_id, ts, touchpoint_id, shown.1 AS stage_model, toUInt8(shown.2) AS position
FROM
(
    SELECT site, person_id, ts, touchpoint_id, {{shown_by_touch}} AS stages
    FROM touchpoints FINAL
    UNION ALL
    SELECT site, person_id, ts, 0 AS touchpoint_id, {{shown_by_session}} AS stages
    FROM
    (
        SELECT site, person_id, started_at AS ts, engaged, pageviews,
            row_number() OVER (PARTITION BY site, person_id ORDER BY started_at, session_id) AS number
        FROM sessions FINAL
        WHERE NOT is_bot
    )
    UNION ALL
    SELECT site, person_id, ts, 0 AS touchpoint_id, {{shown_by_conversion}} AS stages
    FROM
    (
        SELECT site, person_id, ts, name, row_number() OVER (PARTITION BY site, person_id ORDER BY ts, conversion_id) AS number
        FROM conversions FINAL
    )
)
ARRAY JOIN stages AS shown;

-- How far each person came, and when they showed which stage first and last.
CREATE OR REPLACE VIEW v_person_stages AS
SELECT
    p.site AS site, p.person_id AS person_id, p.stage_model AS stage_model, stages.2 AS stage, p.position AS position, p.first_shown_at AS first_shown_at
FROM
(
    SELECT site, person_id, stage_model, max(e.position) AS position, argMin(ts, (-toInt16(e.position), ts)) AS first_shown_at
    FROM v_stage_evidence AS e
    GROUP BY site, person_id, stage_model
) AS p
INNER JOIN (SELECT arrayJoin({{all_stages}}) AS stages) AS s ON stages.1 = p.stage_model AND stages.3 = p.position;

-- persons: reached the stage (showed it, or a later one); dropped: came no further; shown: showed it themselves; returned: showed
-- it again after a later stage.
CREATE OR REPLACE VIEW v_stages AS
SELECT
    site, stage_model, stage, position,
    countIf(furthest >= position) AS persons,
    if(position = any(stages_of_model), 0, countIf(furthest = position)) AS dropped,
    countIf(has(positions, position)) AS shown,
    countIf(arrayExists((p, last_at, first_later) -> p = position AND last_at > first_later, positions, last_shown, later_since)) AS returned
FROM
(
    SELECT
        *,
        arrayMax(positions) AS furthest,
        -- the first showing of any later stage
        arrayPushBack(arrayPopFront(arrayReverse(earliest_from)), toDateTime64('2299-12-31 00:00:00', 3, 'UTC')) AS later_since
    FROM
    (
        SELECT
            site, person_id, stage_model,
            arraySort(groupArray((position, first_at, last_at))) AS found,
            found.1 AS positions,
            found.3 AS last_shown,
            arrayReverse(found.2) AS backwards,
            arrayMap((x, i) -> arrayMin(arraySlice(backwards, 1, i)), backwards, arrayEnumerate(backwards)) AS earliest_from
        FROM
        (
            SELECT site, person_id, stage_model, e.position AS position, min(ts) AS first_at, max(ts) AS last_at
            FROM v_stage_evidence AS e
            GROUP BY site, person_id, stage_model, e.position
        )
        GROUP BY site, person_id, stage_model
    )
) AS persons
INNER JOIN
(
    SELECT model, stages.2 AS stage, stages.3 AS position, max(position) OVER (PARTITION BY model) AS stages_of_model
    FROM (SELECT arrayJoin({{all_stages}}) AS stages, stages.1 AS model)
) AS s ON s.model = persons.stage_model
GROUP BY site, stage_model, stage, position
ORDER BY site, stage_model, position;
