-- Credits of one model by channel, campaign, source, node or stage, with spend where it is known.
SELECT
    key, round(sum(r.conversions), 4) AS conversions, toFloat64(sum(r.value)) AS value, currency,
    toFloat64(sum(r.spend)) AS spend, if(spend > 0 AND conversions > 0, spend / conversions, NULL) AS cpa, if(spend > 0, value / spend, NULL) AS roas
FROM return_on_spend(
    by = {by:String}, currency = {currency:String}, effects = {effects:String}, model = {model:String}, since = {since:DateTime64(3, 'UTC')},
    until = {until:DateTime64(3, 'UTC')}, lookback_s = {lookback_s:Int64}, transform = {transform:String}, conversion = {conversion:String}, half_life_s = {half_life_s:Float64},
    position_first = {position_first:Float64}, position_middle = {position_middle:Float64}, position_last = {position_last:Float64}) AS r
WHERE ({site:String} = '' OR site = {site:String})
GROUP BY key, currency
ORDER BY value DESC, conversions DESC, key, currency
LIMIT {limit:UInt32}
