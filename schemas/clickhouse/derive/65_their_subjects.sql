-- Under which subjects the concerned persons have rows: asked for once, for several statements that follow.
INSERT INTO {{scratch}}.their_subjects
SELECT DISTINCT site, subject
FROM {{derived}}.person_subjects
WHERE (site, person_id) IN (SELECT site, person_id FROM {{scratch}}.concerned_persons);
