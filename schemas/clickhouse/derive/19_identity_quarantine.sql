-- What the rules refused of all that was resolved, with the evidence.
INSERT INTO {{scratch}}.identity_quarantine
SELECT site, id_type, id_value, refused.1 AS rule, '' AS event_id, refused.2 AS evidence, first_seen,
    {version:UInt64} AS version, 0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM
(
    SELECT site, id_type, id_value, suppressed, neighbours, wide_group, first_seen, arraySort(arrayDistinct(arrayFilter(o -> o != '', owners))) AS shared_by
    FROM {{derived}}.identity_owners FINAL
    WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.todo)
        AND (suppressed OR wide_group != '' OR length(owners) > 1)
)
ARRAY JOIN arrayConcat(
    if(suppressed, [('limit', concat('linked to ', toString(neighbours), ' others, over ', toString({{limit_of_id}})))], []),
    if(wide_group != '', [('group', concat('one of more than ', toString({{linked_max}}), ' devices that are linked with one another'))], []),
    if(length(shared_by) > 1, [('shared', concat('owned by ', arrayStringConcat(shared_by, ', ')))], [])) AS refused
UNION ALL
SELECT site, id_type, id_value, 'alias', event_id,
    concat('would join ', min(concat(other_type, ':', other_value)), ', but was not sent with the secret key'),
    min(ts), {version:UInt64}, 0, {rules_version:UInt64}
FROM identity_links
WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.todo)
    AND evidence = 'alias' AND NOT secret AND {{level_of_id}} = 0 AND {{level_of_other}} = 0 AND {{link_stands}}
GROUP BY site, id_type, id_value, event_id;
