-- What the rules refused of all that was looked at, with the evidence.
INSERT INTO {{scratch}}.identity_quarantine
SELECT site, id_type, id_value, 'blocked' AS rule, '' AS event_id, 'the value is on the list of blocked values' AS evidence,
    toDateTime64(0, 3, 'UTC') AS first_seen, {version:UInt64} AS version, 0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM {{scratch}}.judged
WHERE blocked AND
(
    -- somebody still says it: in a link, or alone
    (site, id_type, id_value) IN
    (
        SELECT site, id_type, id_value
        FROM identity_links
        WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.judged WHERE blocked)
    )
    OR (site, {{keys_of_id}}[1]) IN
    (
        SELECT site, subject
        FROM events
        WHERE (site, subject) IN (SELECT site, {{keys_of_id}}[1] FROM {{scratch}}.judged WHERE blocked)
    )
)
UNION ALL
SELECT site, id_type, id_value, 'limit', '', concat('linked to ', toString(neighbours), ' others, over ', toString({{limit_of_id}})),
    first_seen, {version:UInt64}, 0, {rules_version:UInt64}
FROM {{derived}}.identity_owners FINAL
WHERE suppressed AND (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.todo)
UNION ALL
SELECT site, id_type, id_value, 'shared', '',
    concat('owned by ', arrayStringConcat(arraySort(arrayDistinct(arrayFilter(o -> o != '', owners))), ', ')),
    first_seen, {version:UInt64}, 0, {rules_version:UInt64}
FROM {{derived}}.identity_owners FINAL
WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.todo)
    AND length(arrayDistinct(arrayFilter(o -> o != '', owners))) > 1
UNION ALL
SELECT site, id_type, id_value, 'alias', event_id,
    concat('would join ', min(concat(other_type, ':', other_value)), ', but was not sent with the secret key'),
    min(ts), {version:UInt64}, 0, {rules_version:UInt64}
FROM identity_links
WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.todo)
    AND evidence = 'alias' AND NOT secret AND {{level_of_id}} = 0 AND {{level_of_other}} = 0 AND {{link_stands}}
GROUP BY site, id_type, id_value, event_id;
