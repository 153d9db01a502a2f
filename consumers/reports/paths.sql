-- The paths of channels that led to most conversions. A conversion without touches has the path `Unattributed`.
SELECT
    if(empty(path_channels), 'Unattributed', arrayStringConcat(path_channels, ' › ')) AS path,
    count() AS conversions,
    toFloat64(sum(value)) AS revenue,
    currency,
    round(avg(seconds_to_convert) / 86400, 1) AS avg_days
FROM v_conversion_paths
WHERE ({site:String} = '' OR site = {site:String})
  AND converted_at >= {since:DateTime64(3, 'UTC')}
  AND converted_at < {until:DateTime64(3, 'UTC')}
  AND ({conversion:String} = '' OR has(splitByChar(',', {conversion:String}), toString(name)))
GROUP BY path, currency
ORDER BY conversions DESC, revenue DESC, path, currency
LIMIT {limit:UInt32}
