-- Conversions of dirty subjects, and those of concerned persons, which may now fall into another session.
INSERT INTO {{scratch}}.concerned_conversions
SELECT DISTINCT site, conversion_id FROM {{scratch}}.dirty_conversions
UNION DISTINCT
SELECT DISTINCT site, conversion_id FROM {{scratch}}.conversion_events
UNION DISTINCT
SELECT DISTINCT site, order_key
FROM {{derived}}.conversions
WHERE (site, person_id) IN (SELECT site, person_id FROM {{scratch}}.concerned_persons);
