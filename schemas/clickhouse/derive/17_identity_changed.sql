-- Which of them are owned otherwise than before: what hangs on them follows.
INSERT INTO {{scratch}}.changed
SELECT n.site, n.id_type, n.id_value
FROM {{scratch}}.identity_owners AS n
LEFT ANY JOIN
(
    SELECT *
    FROM {{derived}}.identity_owners FINAL
    WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.identity_owners)
) AS o ON o.site = n.site AND o.id_type = n.id_type AND o.id_value = n.id_value
WHERE n.suppressed != o.suppressed OR n.device_group != o.device_group
    OR if(empty(o.owners), (n.owned_from, n.owners) != ([toInt64(0)], ['']), (n.owned_from, n.owners) != (o.owned_from, o.owners));
