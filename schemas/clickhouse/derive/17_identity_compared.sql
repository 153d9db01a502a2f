-- Which rows the new ones are compared with; others may write at the same time.
INSERT INTO {{scratch}}.compared
SELECT site, id_type, id_value, max(version)
FROM {{derived}}.identity_owners
WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.identity_owners)
GROUP BY site, id_type, id_value;
