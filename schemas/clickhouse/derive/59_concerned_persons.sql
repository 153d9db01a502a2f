-- A conversion may leave its person for another: both are concerned.
INSERT INTO {{scratch}}.concerned_persons
SELECT DISTINCT site, person_id
FROM {{derived}}.conversion_events
WHERE (site, conversion_id) IN (SELECT site, conversion_id FROM {{scratch}}.concerned_conversions);
