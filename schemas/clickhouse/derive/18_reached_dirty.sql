-- Into the journal first: should this process die, they are resolved by the next one.
INSERT INTO {{scratch}}.journal (cycle, site, subject)
SELECT {cycle:UInt64}, site, arrayJoin({{keys_of_id}})
FROM {{scratch}}.reached;
