-- The circle, turn by turn: who came to which stage in their first round, their second, …
SELECT stage_model, round, position, stage, sum(s.persons) AS persons, sum(s.dropped) AS dropped,
    round(100 * dropped / greatest(persons, 1), 1) AS dropped_percent
FROM stage_rounds(since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) AS s
WHERE ({site:String} = '' OR site = {site:String})
GROUP BY stage_model, round, position, stage
ORDER BY stage_model, round, position
LIMIT {limit:UInt32}
