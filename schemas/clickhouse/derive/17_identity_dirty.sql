-- What the changed ones did is theirs otherwise than before, from the first day on.
INSERT INTO {{scratch}}.journal (cycle, site, subject)
SELECT {cycle:UInt64}, site, arrayJoin({{keys_of_id}})
FROM {{scratch}}.changed
UNION ALL
SELECT DISTINCT {cycle:UInt64}, site, if(other_type = 'visitor_id' AND NOT startsWith(other_value, '~'), other_value, concat('~', other_type, ':', other_value))
FROM identity_links
WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.changed) AND other_type != '' AND
(
    {{other_is_blocked}} OR (site, other_type, other_value) IN
    (
        SELECT site, id_type, id_value
        FROM {{derived}}.identity_owners FINAL
        WHERE suppressed AND (site, id_type, id_value) IN
        (
            SELECT site, other_type, other_value
            FROM identity_links
            WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.changed)
        )
    )
);
