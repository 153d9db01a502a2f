-- Conversions of dirty persons may now fall into another session; and a dirty conversion may leave its person for another.
INSERT INTO {{scratch}}.dirty_conversions
SELECT DISTINCT site, order_key
FROM {{derived}}.conversions
WHERE (site, person_id) IN (SELECT site, person_id FROM {{scratch}}.dirty_persons);

INSERT INTO {{scratch}}.dirty_persons
SELECT DISTINCT site, person_id
FROM {{derived}}.conversion_events
WHERE (site, conversion_id) IN (SELECT site, conversion_id FROM {{scratch}}.dirty_conversions);
