-- Who is touched by what the dirty subjects were so far. Kept before anything is rewritten: afterwards nobody could tell.
-- Without FINAL: an outdated row only costs a look.
INSERT INTO {{scratch}}.dirty_persons
SELECT DISTINCT site, person_id
FROM {{derived}}.touchpoints
WHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects) AND {{event_in_bound}}
UNION DISTINCT
-- visits that are no touchpoint can still hold conversions that were reported without a visitor
SELECT DISTINCT site, person_id
FROM {{derived}}.sessions
WHERE NOT touches AND (site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects) AND {{session_in_bound}}
UNION DISTINCT
SELECT DISTINCT site, person_id
FROM {{derived}}.conversion_events
WHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects) AND {{event_in_bound}}
UNION DISTINCT
SELECT DISTINCT site, person_id
FROM {{derived}}.stage_events
WHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects) AND {{event_in_bound}};

INSERT INTO {{scratch}}.dirty_conversions
SELECT DISTINCT site, conversion_id
FROM {{derived}}.conversion_events
WHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects) AND {{event_in_bound}};
