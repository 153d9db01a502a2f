-- Who owns each dirty subject, when: the latest log-in at or before a moment; before the first log-in, that first one;
-- from a log-out to the next log-in nobody ('' = the device stands for itself). Two log-ins at one millisecond: the
-- larger event id counts, so that order of arrival never does.
INSERT INTO {{scratch}}.identities
WITH
    claims AS
    (
        SELECT
            site,
            id_value AS subject,
            arrayConcat(
                -- (from, 1 = log-in, event, person): a log-in holds from its own millisecond on
                groupArrayIf((ts_ms, 1, event_id, concat('user_id:', other_value)), kind = 'identify'),
                -- a log-out counts from the millisecond after it, so that its own event still belongs to the person
                groupArrayIf((ts_ms + 1, 0, '', ''), kind = 'logout')
            ) AS all_points,
            arraySort(all_points) AS sorted_points,
            -- log-outs before the first log-in ended what nobody knows of
            arrayFilter((p, n) -> n > 0, sorted_points, arrayCumSum(sorted_points.2)) AS points,
            -- the last word of each millisecond
            arrayFilter((p, next) -> p.1 != next, points, arrayPopFront(arrayPushBack(points.1, toInt64(-1)))) AS words,
            -- one stretch for what repeats the same owner
            arrayFilter(
                (p, previous, i) -> i = 1 OR p.4 != previous,
                words, arrayPopBack(arrayPushFront(words.4, '')), arrayEnumerate(words)
            ) AS stretches
        FROM
        (
            SELECT site, id_value, event_id, kind, other_value, argMin(toUnixTimestamp64Milli(ts), (received_at, log_gen, log_part, log_off)) AS ts_ms
            FROM identity_links
            WHERE id_type = 'visitor_id' AND (site, id_value) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects)
                -- what a repeated event says is no evidence; its first arrival said it, or something else
                AND {{not_duplicate}}
            GROUP BY site, id_value, event_id, kind, other_value
        )
        GROUP BY site, id_value
        HAVING notEmpty(stretches)
    ),
    seen AS
    (
        SELECT site, subject, min(ts) AS first_seen, max(ts) AS last_seen
        FROM events
        WHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects) AND {{not_duplicate}}
        GROUP BY site, subject
    )
SELECT
    seen.site AS site,
    if(startsWith(seen.subject, '~'), substring(splitByChar(':', seen.subject)[1], 2), 'visitor_id') AS id_type,
    if(startsWith(seen.subject, '~'), substring(seen.subject, position(seen.subject, ':') + 1), seen.subject) AS id_value,
    if(empty(named), concat(id_type, ':', id_value), named[-1]) AS person_id,
    length(arrayDistinct(named)) > 1 AS shared,
    if(empty(claims.stretches), [toInt64(0)], arrayPushFront(arrayPopFront(claims.stretches.1), toInt64(0))) AS owned_from,
    if(empty(claims.stretches), [''], claims.stretches.4) AS owners,
    first_seen,
    last_seen,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM (SELECT *, [''] AS nobody FROM seen) AS seen
LEFT JOIN claims ON claims.site = seen.site AND claims.subject = seen.subject
ARRAY JOIN [arrayFilter(o -> o != '', claims.stretches.4)] AS named;
