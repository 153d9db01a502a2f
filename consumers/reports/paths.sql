-- The paths of channels that led to most conversions. A conversion without touches has the path `Unattributed`.
WITH
    -- Conversions that are worth nothing (leads, sign-ups) name no currency: they count beside the others' main one.
    (
        SELECT arrayElement(topK(1)(toString(currency)), 1)
        FROM v_conversion_paths
        WHERE currency != '' AND ({site:String} = '' OR site = {site:String})
    ) AS main_currency,
    if(currency = '' AND value = 0, main_currency, toString(currency)) AS money
SELECT
    if(empty(path_channels), 'Unattributed', arrayStringConcat(path_channels, ' › ')) AS path,
    count() AS conversions,
    toFloat64(sum(value)) AS revenue,
    money AS currency,
    round(avg(seconds_to_convert) / 86400, 1) AS avg_days
FROM v_conversion_paths
WHERE ({site:String} = '' OR site = {site:String})
  AND converted_at >= {since:DateTime64(3, 'UTC')}
  AND converted_at < {until:DateTime64(3, 'UTC')}
  AND ({conversion:String} = '' OR has(splitByChar(',', {conversion:String}), toString(name)))
GROUP BY path, money
ORDER BY conversions DESC, revenue DESC, path, money
LIMIT {limit:UInt32}
