-- Conversions as evidence of stages: `names_so_far` are those of the person's conversions up to each, and how many of each name: the
-- names one by one would be as many as the square of the conversions.
SELECT site, person_id, ts, name, sumMap([lower(toString(name))], [toUInt64(1)]) OVER (
    PARTITION BY site, person_id ORDER BY ts, conversion_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS names_so_far
FROM {{conversions_of_stages}}
