-- Who owns the identifiers of these levels, when: the latest log-in at or before a moment; before the first log-in, that first one;
-- from a log-out to the next log-in nobody ('' = it stands for itself). Two log-ins at one millisecond: the larger event id
-- counts, so that order of arrival never does. The stronger levels are derived already, or what hangs on them
-- comes here again.
INSERT INTO {{scratch}}.identity_owners
WITH
    logins AS
    (
        SELECT c.site AS site, holder, subject, event_id, any(ts_ms) AS at, argMin(person, (level_other, other_type, other_value)) AS owner
        FROM
        (
            SELECT
                c.*,
                multiIf(o.owner != '', o.owner, o.device_group != '', o.device_group, concat(other_type, ':', other_value)) AS person
            FROM {{scratch}}.claims AS c
            ASOF LEFT JOIN
            (
                SELECT site, id_type, id_value, suppressed, device_group, since, owner
                FROM
                (
                    SELECT *
                    FROM {{derived}}.identity_owners FINAL
                    WHERE (site, id_type, id_value) IN (SELECT site, other_type, other_value FROM {{scratch}}.claims WHERE NOT left)
                )
                {{stretches}}
            ) AS o ON o.site = c.site AND o.id_type = c.other_type AND o.id_value = c.other_value AND o.since <= c.ts_ms
            WHERE NOT c.left AND NOT o.suppressed
        ) AS c
        GROUP BY c.site, holder, subject, event_id
    ),
    histories AS
    (
        SELECT
            site,
            holder,
            arraySort(groupArray(point)) AS sorted_points,
            -- log-outs before the first log-in ended what nobody knows of
            arrayFilter((p, n) -> n > 0, sorted_points, arrayCumSum(sorted_points.2)) AS points,
            -- the last word of each millisecond
            arrayFilter((p, next) -> p.1 != next, points, arrayPopFront(arrayPushBack(points.1, toInt64(-1)))) AS words,
            -- one stretch for what repeats the same owner
            arrayFilter(
                (p, previous, i) -> i = 1 OR p.4 != previous,
                words, arrayPopBack(arrayPushFront(words.4, '')), arrayEnumerate(words)
            ) AS stretches,
            -- each member of a group gets a copy: no more of it than is kept
            stretches.1 AS since,
            stretches.4 AS persons
        FROM
        (
            -- (from, 1 = log-in, event, person): a log-in holds from its own millisecond on
            SELECT site, holder, (at, toUInt8(1), event_id, owner) AS point FROM logins
            UNION ALL
            -- a log-out counts from the millisecond after it, so that its own event still belongs to the person
            SELECT site, holder, (ts_ms + 1, toUInt8(0), '', '') AS point FROM {{scratch}}.claims WHERE left
        )
        GROUP BY site, holder
        HAVING notEmpty(stretches)
    )
SELECT
    todo.site AS site, todo.id_type AS id_type, todo.id_value AS id_value,
    if(empty(h.since), [toInt64(0)], arrayPushFront(arrayPopFront(h.since), toInt64(0))) AS owned_from,
    if(empty(h.persons), [''], h.persons) AS owners,
    d.neighbours AS neighbours, d.suppressed AS suppressed, g.label AS device_group, g.wide_label AS wide_group,
    d.first_seen AS first_seen, d.last_seen AS last_seen,
    {version:UInt64} AS version, 0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM
(
    SELECT DISTINCT site, id_type, id_value
    FROM {{scratch}}.todo
    WHERE level BETWEEN {strongest:UInt8} AND {weakest:UInt8} AND round > {done:UInt32}
) AS todo
LEFT ANY JOIN {{scratch}}.degrees AS d ON d.site = todo.site AND d.id_type = todo.id_type AND d.id_value = todo.id_value
LEFT ANY JOIN {{scratch}}.groups AS g ON g.site = todo.site AND g.id_type = todo.id_type AND g.id_value = todo.id_value
LEFT ANY JOIN histories AS h
    ON h.site = todo.site AND h.holder = if(d.suppressed, '', if(g.label != '', g.label, concat(todo.id_type, ':', todo.id_value)));
