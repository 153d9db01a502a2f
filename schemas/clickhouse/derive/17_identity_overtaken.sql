-- Identifiers that somebody else wrote after they were compared.
INSERT INTO {{scratch}}.changed
SELECT o.site, o.id_type, o.id_value
FROM {{derived}}.identity_owners AS o
LEFT ANY JOIN {{scratch}}.compared AS c ON c.site = o.site AND c.id_type = o.id_type AND c.id_value = o.id_value
WHERE (o.site, o.id_type, o.id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.identity_owners)
    AND o.version > c.newest AND o.version != {version:UInt64}
GROUP BY o.site, o.id_type, o.id_value;
