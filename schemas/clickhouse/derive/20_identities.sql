-- What is known of the dirty subjects as identifiers: who owns each when, and since when it is seen.
INSERT INTO {{scratch}}.identities
    (site, id_type, id_value, person_id, shared, owned_from, owners, first_seen, last_seen, version, is_deleted, rules_version,
    neighbours, suppressed, device_group)
WITH owned AS
(
    SELECT *
    FROM {{derived}}.identity_owners FINAL
    WHERE (site, id_type, id_value) IN (SELECT site, {{subject_type}}, {{subject_value}} FROM {{scratch}}.dirty_subjects)
)
SELECT
    seen.site AS site,
    seen.id_type AS id_type,
    seen.id_value AS id_value,
    multiIf(notEmpty(named), named[-1], owned.device_group != '', owned.device_group, concat(id_type, ':', id_value)) AS person_id,
    length(arrayDistinct(named)) > 1 AS shared,
    if(empty(owned.owners), [toInt64(0)], owned.owned_from) AS owned_from,
    if(empty(owned.owners), [''], owned.owners) AS owners,
    seen.first AS first_seen,
    seen.last AS last_seen,
    {version:UInt64} AS version,
    0 AS is_deleted,
    {rules_version:UInt64} AS rules_version,
    owned.neighbours AS neighbours,
    owned.suppressed AS suppressed,
    owned.device_group AS device_group
FROM
(
    SELECT site, id_type, id_value, min(first) AS first, max(last) AS last
    FROM
    (
        SELECT site, {{subject_type}} AS id_type, {{subject_value}} AS id_value, min(ts) AS first, max(ts) AS last
        FROM {{dirty_events}}
        GROUP BY site, subject
        UNION ALL
        -- what came before the events that matter now
        SELECT site, id_type, id_value, first_seen AS first, last_seen AS last
        FROM {{derived}}.identities FINAL
        WHERE (site, id_type, id_value) IN (SELECT site, {{subject_type}}, {{subject_value}} FROM {{scratch}}.dirty_subjects)
            AND {{identity_in_bound}}
        UNION ALL
        SELECT site, id_type, id_value, first_seen AS first, last_seen AS last
        FROM owned
        WHERE neighbours > 0
    )
    WHERE NOT {{id_is_blocked}}
    GROUP BY site, id_type, id_value
) AS seen
LEFT ANY JOIN owned ON owned.site = seen.site AND owned.id_type = seen.id_type AND owned.id_value = seen.id_value
ARRAY JOIN [arrayFilter(o -> o != '', owned.owners)] AS named;
