-- Under which subjects a person has rows. Only ever added to: a subject too many costs a look.
INSERT INTO {{derived}}.person_subjects (site, person_id, subject)
SELECT DISTINCT site, person_id, subject FROM {{scratch}}.sessions
UNION DISTINCT
SELECT DISTINCT site, person_id, subject FROM {{scratch}}.touchpoints
UNION DISTINCT
SELECT DISTINCT site, person_id, subject FROM {{scratch}}.conversion_events
UNION DISTINCT
SELECT DISTINCT site, person_id, subject FROM {{scratch}}.stage_events;
