-- Visits of people as evidence of stages: `number` counts a person's.
SELECT site, person_id, started_at AS ts, engaged, pageviews,
    row_number() OVER (PARTITION BY site, person_id ORDER BY started_at, session_id) AS number
FROM {{sessions_of_stages}}
WHERE NOT is_bot
