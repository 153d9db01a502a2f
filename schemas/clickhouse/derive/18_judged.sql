-- Every identifier that this refresh answers for: those that were resolved, and those that the journal names and the rules block.
INSERT INTO {{scratch}}.judged
SELECT site, id_type, id_value, 0 AS blocked FROM {{scratch}}.todo
UNION DISTINCT
SELECT site, {{subject_type}} AS id_type, {{subject_value}} AS id_value, 1
FROM {{scratch}}.journal
WHERE cycle <= {cycle:UInt64} AND {{id_is_blocked}};
