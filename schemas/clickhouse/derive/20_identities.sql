-- What is known of the dirty subjects as identifiers: who owns each when, and since when it is seen.
INSERT INTO {{scratch}}.identities
    (site, id_type, id_value, person_id, shared, owned_from, owners, first_seen, last_seen, version, is_deleted, rules_version,
    neighbours, suppressed, device_group)
SELECT
    site,
    id_type,
    id_value,
    multiIf(notEmpty(named), named[-1], device_group != '', device_group, concat(id_type, ':', id_value)) AS person_id,
    length(arrayDistinct(named)) > 1 AS shared,
    if(empty(all_owners), [toInt64(0)], all_from) AS owned_from,
    if(empty(all_owners), [''], all_owners) AS owners,
    first AS first_seen,
    last AS last_seen,
    {version:UInt64} AS version,
    0 AS is_deleted,
    {rules_version:UInt64} AS rules_version,
    known.3 AS neighbours,
    known.4 AS suppressed,
    known.5 AS device_group
FROM
(
    -- the resolver's row has one of each identifier at most; it was seen there only if anything connects it
    SELECT site, id_type, id_value, minIf(first, seen) AS first, maxIf(last, seen) AS last,
        anyIf((owned_from, owners, neighbours, suppressed, toString(device_group)), resolved) AS known, known.1 AS all_from, known.2 AS all_owners
    FROM
    (
        SELECT site, {{subject_type}} AS id_type, {{subject_value}} AS id_value, min(ts) AS first, max(ts) AS last, 1 AS seen,
            0 AS resolved, []::Array(Int64) AS owned_from, []::Array(String) AS owners, 0 AS neighbours, 0 AS suppressed, '' AS device_group
        FROM {{dirty_events}}
        GROUP BY site, subject
        UNION ALL
        -- what came before the events that matter now
        SELECT site, id_type, id_value, first_seen, last_seen, 1, 0, [], [], 0, 0, ''
        FROM {{derived}}.identities FINAL
        WHERE {{id_is_dirty}} AND {{identity_in_bound}}
        UNION ALL
        SELECT site, id_type, id_value, first_seen, last_seen, neighbours > 0, 1, owned_from, owners, neighbours, suppressed, device_group
        FROM {{derived}}.identity_owners FINAL
        WHERE {{id_is_dirty}}
    )
    WHERE NOT {{id_is_blocked}}
    GROUP BY site, id_type, id_value
    HAVING countIf(seen) > 0
)
ARRAY JOIN [arrayFilter(o -> o != '', all_owners)] AS named;
