-- Stages of the models in stages.yaml, over touchpoints, sessions, conversions and plain events. Bots show nothing.

-- Every showing of a stage: see stage_evidence.inc.sql.
CREATE OR REPLACE VIEW v_stage_evidence AS
{{stage_evidence}};

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
-- it again after a later stage. Parameters: what was shown in [since, until).
CREATE OR REPLACE VIEW stages AS
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
            WHERE ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
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

CREATE OR REPLACE VIEW v_stages AS
SELECT * FROM stages(since = '1970-01-01 00:00:00', until = '2299-01-01 00:00:00');

-- The circle, turn by turn: a round ends when a person shows the last stage, and what they show after it begins the next one. In each
-- round: persons who came to the stage, and those who came no further. Parameters: what was shown in [since, until).
CREATE OR REPLACE VIEW stage_rounds AS
SELECT
    site, stage_model, round, stage, position,
    countIf(furthest >= position) AS persons,
    if(position = any(stages_of_model), 0, countIf(furthest = position)) AS dropped
FROM
(
    SELECT site, person_id, stage_model, round, max(shown) AS furthest
    FROM
    (
        SELECT
            site, person_id, stage_model,
            arraySort(groupArray((ts, e.position))).2 AS found,
            any(m.stages_of_model) AS last_stage,
            arrayMap(r -> r + 1, arrayCumSum(arrayMap((p, before) -> toUInt32(before = last_stage AND p < last_stage),
                found, arrayShiftRight(found, 1, toUInt8(0))))) AS rounds
        FROM v_stage_evidence AS e
        INNER JOIN (SELECT stages.1 AS model, max(stages.3) AS stages_of_model FROM (SELECT arrayJoin({{all_stages}}) AS stages) GROUP BY model) AS m
            ON m.model = e.stage_model
        WHERE ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
        GROUP BY site, person_id, stage_model
    )
    ARRAY JOIN found AS shown, rounds AS round
    GROUP BY site, person_id, stage_model, round
) AS persons
INNER JOIN
(
    SELECT model, stages.2 AS stage, stages.3 AS position, max(position) OVER (PARTITION BY model) AS stages_of_model
    FROM (SELECT arrayJoin({{all_stages}}) AS stages, stages.1 AS model)
) AS s ON s.model = persons.stage_model
GROUP BY site, stage_model, round, stage, position
ORDER BY site, stage_model, round, position;

CREATE OR REPLACE VIEW v_stage_rounds AS
SELECT * FROM stage_rounds(since = '1970-01-01 00:00:00', until = '2299-01-01 00:00:00');
