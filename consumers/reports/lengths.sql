-- How many touches lead to a conversion.
SELECT touches, sum(p.conversions) AS conversions, toFloat64(sum(p.revenue)) AS revenue, currency
FROM v_path_lengths AS p
WHERE ({site:String} = '' OR site = {site:String})
  AND day >= toDate({since:DateTime64(3, 'UTC')}) AND toDateTime64(day, 3, 'UTC') < {until:DateTime64(3, 'UTC')}
GROUP BY touches, currency
ORDER BY touches, currency
LIMIT {limit:UInt32}
