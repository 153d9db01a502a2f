-- Into the journal first: should this process die, they are resolved by the next one.
INSERT INTO {{scratch}}.journal (cycle, site, subject)
SELECT {cycle:UInt64}, site, arrayJoin({{keys_of_id}})
FROM {{scratch}}.reached;

INSERT INTO {{scratch}}.todo
SELECT DISTINCT site, id_type, id_value, {{level_of_id}} AS level, {round:UInt32} AS round
FROM {{scratch}}.reached
WHERE NOT {{id_is_blocked}};
