-- Revenue by channel under three models. Every conversion's credits sum to its value: linear gives each step 1/n.
SELECT
    channel,
    any(step_node) AS node,
    round(sum(first_share), 2) AS conversions_first,
    round(sum(last_share), 2) AS conversions_last,
    round(sum(linear_share), 2) AS conversions_linear,
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
        SELECT
            value,
            currency,
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
