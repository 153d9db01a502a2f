-- Days from the first touch to the conversion.
SELECT days, sum(p.conversions) AS conversions, toFloat64(sum(p.revenue)) AS revenue, currency
FROM v_time_lag AS p
WHERE ({site:String} = '' OR site = {site:String})
  AND day >= toDate({since:DateTime64(3, 'UTC')}) AND toDateTime64(day, 3, 'UTC') < {until:DateTime64(3, 'UTC')}
GROUP BY days, currency
ORDER BY days, currency
LIMIT {limit:UInt32}
