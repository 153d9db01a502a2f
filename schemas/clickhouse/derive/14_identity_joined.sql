-- Members of a group are resolved together; those of one over its limit stand each alone, so who did already is left as it is,
-- unless somebody else may be writing it.
INSERT INTO {{scratch}}.reached
SELECT site, id_type, id_value
FROM {{scratch}}.groups
WHERE (site, id_type, id_value) NOT IN (SELECT site, id_type, id_value FROM {{scratch}}.todo)
    AND NOT
    (
        {alone:UInt8} AND wide_label != '' AND (site, id_type, id_value) IN
        (
            SELECT site, id_type, id_value
            FROM {{derived}}.identity_owners FINAL
            WHERE wide_group != '' AND (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.groups)
        )
    );
