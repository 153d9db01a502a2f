-- Where the search for groups begins: the identifiers of this level that wait.
INSERT INTO {{scratch}}.members
SELECT DISTINCT site, id_type, id_value, {hop:UInt32} AS hop
FROM {{scratch}}.todo
WHERE level = {level:UInt8};
