-- New customers (first conversion) and returning ones.
SELECT
    if(number = 1, 'new', 'returning') AS customer, count() AS conversions, uniqExact(site, person_id) AS persons, toFloat64(sum(value)) AS revenue, currency
FROM v_conversion_paths
WHERE ({site:String} = '' OR site = {site:String})
  AND converted_at >= {since:DateTime64(3, 'UTC')} AND converted_at < {until:DateTime64(3, 'UTC')}
GROUP BY customer, currency
ORDER BY customer, currency
LIMIT {limit:UInt32}
