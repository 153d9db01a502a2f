-- Conversions whose path holds both channels; one channel twice = all its conversions.
SELECT channel, other_channel, sum(p.conversions) AS conversions
FROM v_channel_overlap AS p
WHERE ({site:String} = '' OR site = {site:String})
  AND day >= toDate({since:DateTime64(3, 'UTC')}) AND toDateTime64(day, 3, 'UTC') < {until:DateTime64(3, 'UTC')}
GROUP BY channel, other_channel
ORDER BY conversions DESC, channel, other_channel
LIMIT {limit:UInt32}
