-- The events that matter, once, where they are few among many: each further step would look through the whole table for them.
INSERT INTO {{scratch}}.dirty_events
SELECT *
FROM events
PREWHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects) AND {{event_in_bound}}
WHERE {{not_duplicate}};
