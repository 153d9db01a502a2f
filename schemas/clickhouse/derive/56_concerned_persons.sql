-- Whose conversions and paths are to be derived: who is touched by what the dirty subjects are now, and by what they were.
INSERT INTO {{scratch}}.concerned_persons
SELECT DISTINCT site, person_id FROM {{scratch}}.dirty_persons
UNION DISTINCT
SELECT DISTINCT site, person_id FROM {{scratch}}.touchpoints
UNION DISTINCT
SELECT DISTINCT site, person_id FROM {{scratch}}.sessions WHERE NOT touches
UNION DISTINCT
SELECT DISTINCT site, person_id FROM {{scratch}}.conversion_events
UNION DISTINCT
SELECT DISTINCT site, person_id FROM {{scratch}}.stage_events;
