-- What was reached waits, in a round of its own.
INSERT INTO {{scratch}}.todo
SELECT DISTINCT site, id_type, id_value, {{level_of_id}} AS level, {round:UInt32} AS round
FROM {{scratch}}.reached
WHERE NOT {{id_is_blocked}};
