-- Revenue by channel under three models. Every conversion's credits sum to its value: linear gives each
-- step 1/n; `conversions` are counted so too.
SELECT
    channel,
    any(step_node) AS node,
    round(sum(linear_share), 2) AS conversions,
    round(sum(amount * first_share), 2) AS first,
    round(sum(amount * last_share), 2) AS last,
    round(sum(amount * linear_share), 2) AS linear,
    currency
FROM
(
    SELECT
        tupleElement(step, 1) AS channel,
        tupleElement(step, 2) AS step_node,
        tupleElement(step, 3) AS position,
        steps,
        toFloat64(value) AS amount,
        currency,
        position = 1 AS first_share,
        position = steps AS last_share,
        1 / steps AS linear_share
    FROM
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
            value,
            money AS currency,
            greatest(length(path_channels), 1) AS steps,
            arrayJoin(if(
                empty(path_channels),
                [('Unattributed', '', 1)],
                arrayMap((c, n, i) -> (toString(c), toString(n), i), path_channels, path_nodes, arrayEnumerate(path_channels))
            )) AS step
        FROM v_conversion_paths
        WHERE ({site:String} = '' OR site = {site:String})
          AND converted_at >= {since:DateTime64(3, 'UTC')}
          AND converted_at < {until:DateTime64(3, 'UTC')}
          AND ({conversion:String} = '' OR has(splitByChar(',', {conversion:String}), toString(name)))
    )
)
GROUP BY channel, currency
ORDER BY linear DESC, channel
LIMIT {limit:UInt32}
