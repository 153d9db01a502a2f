-- Included once per model, {{effects}} = where the effects come from. A conversion is split over its own path in proportion to its
-- channels' effects, a channel's share equally over its steps. Shares are worked out once per distinct set of channels.
SELECT
    site, '{{effect_model}}' AS model, conversion_id, converted_at, person_id, touchpoint_id, channel, node, source, medium,
    campaign, kind, position, credit, reinterpret(tick, 'Decimal(18, 4)') AS value, currency
FROM
(
    SELECT
        *,
        arrayMap((c, i) -> if(i = length(credits) OR c > 1 - 1e-12, ticks, toInt64(round(ticks * c))),
            arrayCumSum(credits), arrayEnumerate(credits)) AS sums
    FROM
    (
        SELECT
            p.*,
            if(p.attributed, arrayMap(c -> s.shares[indexOf(s.coalition, c)] / countEqual(p.channels, c), p.channels), [1.]) AS credits
        FROM
        (
            SELECT *, arraySort(arrayDistinct(channels)) AS own_coalition
            FROM attribution_paths({{window}})
        ) AS p
        LEFT ANY JOIN
        (
            SELECT site, coalition, arrayMap(x -> x / arraySum(effects), effects) AS shares
            FROM
            (
                SELECT c.site AS site, c.coalition AS coalition, arraySort(groupArray((e.channel, e.effect))).2 AS effects
                FROM
                (
                    SELECT DISTINCT site, arraySort(arrayDistinct(channels)) AS coalition
                    FROM attribution_paths({{window}})
                    WHERE attributed
                ) AS c
                ARRAY JOIN coalition AS member
                INNER JOIN {{effects}} AS e ON e.site = c.site AND e.channel = member
                GROUP BY site, coalition
            )
        ) AS s ON s.site = p.site AND s.coalition = p.own_coalition
    )
)
ARRAY JOIN
    channels AS channel, nodes AS node, sources AS source, mediums AS medium, campaigns AS campaign, kinds AS kind,
    touchpoint_ids AS touchpoint_id, positions AS position,
    credits AS credit,
    arrayPopFront(arrayDifference(arrayPushFront(sums, toInt64(0)))) AS tick
