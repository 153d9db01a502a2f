-- Conversions as evidence of stages: `names_so_far` are those of the person's conversions up to each.
SELECT site, person_id, ts, name, groupArray(lower(toString(name))) OVER (
    PARTITION BY site, person_id ORDER BY ts, conversion_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS names_so_far
FROM {{conversions_of_stages}}
