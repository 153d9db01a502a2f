-- What each channel brought: sessions, touchpoints, and by the last touch before them conversions and revenue.
-- One row per channel and currency of its conversions; where there are several, the traffic columns repeat.
SELECT
    channel,
    traffic.node AS node,
    traffic.sessions AS sessions,
    traffic.touchpoints AS touchpoints,
    last_touch.conversions AS conversions,
    toFloat64(last_touch.revenue) AS revenue,
    last_touch.currency AS currency
FROM
(
    SELECT channel, max(node) AS node, sum(is_session) AS sessions, sum(1 - is_session) AS touchpoints
    FROM
    (
        SELECT toString(channel) AS channel, toString(node) AS node, 1 AS is_session
        FROM v_sessions
        WHERE ({site:String} = '' OR site = {site:String})
          AND started_at >= {since:DateTime64(3, 'UTC')} AND started_at < {until:DateTime64(3, 'UTC')}
        UNION ALL
        SELECT toString(channel) AS channel, toString(node) AS node, 0 AS is_session
        FROM v_touchpoints
        WHERE ({site:String} = '' OR site = {site:String})
          AND ts >= {since:DateTime64(3, 'UTC')} AND ts < {until:DateTime64(3, 'UTC')}
    )
    GROUP BY channel
) AS traffic
FULL OUTER JOIN
(
    WITH
        -- Conversions that are worth nothing (leads, sign-ups) name no currency: they count beside the others' main one.
        (
            SELECT arrayElement(topK(1)(toString(currency)), 1)
            FROM v_conversion_paths
            WHERE currency != '' AND ({site:String} = '' OR site = {site:String})
        ) AS main_currency,
        if(currency = '' AND value = 0, main_currency, toString(currency)) AS money
    SELECT
        if(empty(path_channels), 'Unattributed', toString(path_channels[-1])) AS channel,
        money AS currency,
        count() AS conversions,
        sum(value) AS revenue
    FROM v_conversion_paths
    WHERE ({site:String} = '' OR site = {site:String})
      AND converted_at >= {since:DateTime64(3, 'UTC')} AND converted_at < {until:DateTime64(3, 'UTC')}
      AND ({conversion:String} = '' OR has(splitByChar(',', {conversion:String}), toString(name)))
    GROUP BY channel, money
) AS last_touch USING (channel)
ORDER BY revenue DESC, conversions DESC, touchpoints DESC, channel, currency
LIMIT {limit:UInt32}
