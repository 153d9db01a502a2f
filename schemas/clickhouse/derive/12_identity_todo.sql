-- Which identifiers are to be resolved: those on the new links (their keys in the journal begin with a tilde), and those that
-- were linked by events which are found to repeat others.
INSERT INTO {{scratch}}.todo
SELECT DISTINCT site, {{subject_type}} AS id_type, {{subject_value}} AS id_value, {{level_of_id}} AS level, {round:UInt32} AS round
FROM {{scratch}}.journal
WHERE cycle <= {cycle:UInt64} AND startsWith(subject, '~') AND NOT {{id_is_blocked}};
