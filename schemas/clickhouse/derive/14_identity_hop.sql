-- One hop further.
INSERT INTO {{scratch}}.members
SELECT DISTINCT site, other_type, other_value, {hop:UInt32} AS hop
FROM {{scratch}}.edges
WHERE (site, other_type, other_value) NOT IN (SELECT site, id_type, id_value FROM {{scratch}}.members);
