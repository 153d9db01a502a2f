-- How many persons reached each stage and how many came no further. All of history: the journey is a circle.
SELECT stage_model, position, stage, sum(s.persons) AS persons, sum(s.dropped) AS dropped,
    round(100 * dropped / greatest(persons, 1), 1) AS dropped_percent, sum(s.shown) AS shown, sum(s.returned) AS returned
FROM v_stages AS s
WHERE ({site:String} = '' OR site = {site:String})
GROUP BY stage_model, position, stage
ORDER BY stage_model, position
LIMIT {limit:UInt32}
