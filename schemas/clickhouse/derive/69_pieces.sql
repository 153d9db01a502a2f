-- Many steps of one person, in pieces as long as a path may be, each with the piece before it: all that a path needs which ends in it. A
-- conversion copies the piece that it lies in; copying all of them, a person's refresh would take steps times conversions.
INSERT INTO {{scratch}}.pieces
SELECT site, person_id, piece.1 AS since, piece.2 AS steps
FROM
(
    SELECT
        t.site AS site,
        t.person_id AS person_id,
        greatest({{piece_steps_min}}, {{touches_max}}) AS size,
        arraySplit((x, n) -> n % size = 0, t.steps, arrayMap(n -> n - 1, arrayEnumerate(t.steps))) AS cut,
        arrayMap(piece -> piece[1].1, cut) AS begins,
        arrayMap((begin, before, own) -> (begin, arrayConcat(before, own)), begins, arrayPushFront(arrayPopBack(cut), []), cut) AS pieces,
        -- of those that begin at one moment the last
        arrayFilter(
            (piece, begin, next) -> begin != next,
            pieces, begins, arrayPushBack(arrayPopFront(begins), toDateTime64(0, 3, 'UTC'))) AS told_apart
    FROM {{scratch}}.steps AS t
    INNER JOIN
    (
        SELECT site, person_id, count() AS conversions_of_person
        FROM {{derived}}.conversions FINAL
        WHERE (site, person_id) IN (SELECT site, person_id FROM {{scratch}}.steps WHERE length(steps) > {{steps_uncut_max}})
        GROUP BY site, person_id
    ) AS c ON c.site = t.site AND c.person_id = t.person_id
    WHERE length(t.steps) > {{steps_uncut_max}}
)
ARRAY JOIN told_apart AS piece;
