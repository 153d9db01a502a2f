-- Conversions a channel closed, and those it was part of without closing them.
SELECT channel, sum(p.closed) AS closed, sum(p.assisted) AS assisted, round(assisted / closed, 2) AS assisted_per_closed,
    toFloat64(sum(p.closed_revenue)) AS closed_revenue, toFloat64(sum(p.assisted_revenue)) AS assisted_revenue, currency
FROM v_assisted_conversions AS p
WHERE ({site:String} = '' OR site = {site:String})
  AND day >= toDate({since:DateTime64(3, 'UTC')}) AND toDateTime64(day, 3, 'UTC') < {until:DateTime64(3, 'UTC')}
GROUP BY channel, currency
ORDER BY assisted DESC, closed DESC, channel, currency
LIMIT {limit:UInt32}
