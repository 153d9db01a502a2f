-- Further members of the groups that the identifiers of this level belong to: devices linked to devices, or anchors to anchors by
-- an alias. What connects nobody any more stands alone.
INSERT INTO {{scratch}}.edges
SELECT DISTINCT site, id_type, id_value, other_type, other_value
FROM identity_links
WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.members WHERE hop = {hop:UInt32})
    AND {{level_of_id}} = {level:UInt8} AND {{joins_within_level}}
    AND {{link_stands}}
    AND (site, id_type, id_value) NOT IN (SELECT site, id_type, id_value FROM {{scratch}}.degrees WHERE suppressed)
    AND (site, other_type, other_value) NOT IN (SELECT site, id_type, id_value FROM {{scratch}}.degrees WHERE suppressed)
    AND (site, other_type, other_value) NOT IN
    (
        SELECT site, id_type, id_value
        FROM {{derived}}.identity_owners FINAL
        WHERE suppressed AND (site, id_type, id_value) NOT IN (SELECT site, id_type, id_value FROM {{scratch}}.degrees)
            AND (site, id_type, id_value) IN
            (
                SELECT site, other_type, other_value
                FROM identity_links
                WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.members WHERE hop = {hop:UInt32})
                    AND {{level_of_other}} = {level:UInt8}
            )
    );
