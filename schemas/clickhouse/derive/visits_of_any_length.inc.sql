-- Sessions over the maximum length are rare, and planning what cuts them takes a quarter of planning all of this: where there is one,
-- the statement fails with a code of its own, and is done again with visits_cut_by_length.inc.sql.
SELECT *, s_start_any_length AS s_start
FROM cut
WHERE NOT throwIf(is_long)
