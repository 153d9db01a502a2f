-- How many devices a path runs over.
SELECT devices, sum(p.conversions) AS conversions, toFloat64(sum(p.revenue)) AS revenue, currency
FROM v_path_devices AS p
WHERE ({site:String} = '' OR site = {site:String})
  AND day >= toDate({since:DateTime64(3, 'UTC')}) AND toDateTime64(day, 3, 'UTC') < {until:DateTime64(3, 'UTC')}
GROUP BY devices, currency
ORDER BY devices, currency
LIMIT {limit:UInt32}
