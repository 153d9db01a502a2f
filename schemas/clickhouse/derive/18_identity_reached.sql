-- Into the journal first: should this process die, they are resolved by the next one.
INSERT INTO {{scratch}}.journal
SELECT {cycle:UInt64}, site, arrayJoin(if(id_type = 'visitor_id' AND NOT startsWith(id_value, '~'),
    [id_value, concat('~visitor_id:', id_value)], [concat('~', id_type, ':', id_value)]))
FROM {{scratch}}.reached;

INSERT INTO {{scratch}}.todo
SELECT DISTINCT site, id_type, id_value, {{level_of_id}} AS level, {round:UInt32} AS round
FROM {{scratch}}.reached
WHERE NOT {{id_is_blocked}};
