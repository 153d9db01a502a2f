-- Days to convert: mean, median and the slow tenth.
SELECT
    if(number = 1, 'new', 'returning') AS customer, count() AS conversions, round(avg(seconds_to_convert) / 86400, 2) AS mean_days,
    round(quantileExact(0.5)(seconds_to_convert) / 86400, 2) AS median_days, round(quantileExact(0.9)(seconds_to_convert) / 86400, 2) AS p90_days
FROM v_conversion_paths
WHERE ({site:String} = '' OR site = {site:String})
  AND converted_at >= {since:DateTime64(3, 'UTC')} AND converted_at < {until:DateTime64(3, 'UTC')} AND touches > 0
GROUP BY customer
ORDER BY customer
LIMIT {limit:UInt32}
