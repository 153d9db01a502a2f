-- Members of a group are resolved together.
INSERT INTO {{scratch}}.reached
SELECT site, id_type, id_value
FROM {{scratch}}.groups
WHERE (site, id_type, id_value) NOT IN (SELECT site, id_type, id_value FROM {{scratch}}.todo);
