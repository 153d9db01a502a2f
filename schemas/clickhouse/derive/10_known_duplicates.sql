-- The repeated facts of the dirty subjects, as this refresh found them before it looked at links.
INSERT INTO {{scratch}}.event_duplicates
SELECT * REPLACE ({version:UInt64} AS version)
FROM {{derived}}.event_duplicates FINAL
WHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects);
