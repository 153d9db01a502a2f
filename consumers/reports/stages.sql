-- How many persons reached each stage and how many came no further, by what they did between two moments.
SELECT stage_model, position, stage, sum(s.persons) AS persons, sum(s.dropped) AS dropped,
    round(100 * dropped / greatest(persons, 1), 1) AS dropped_percent, sum(s.shown) AS shown, sum(s.returned) AS returned
FROM stages(since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) AS s
WHERE ({site:String} = '' OR site = {site:String})
GROUP BY stage_model, position, stage
ORDER BY stage_model, position
LIMIT {limit:UInt32}
