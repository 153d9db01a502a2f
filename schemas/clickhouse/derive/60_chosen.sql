-- The dirty conversions: all reports of one order become one conversion, field by field, in the order of trust of the field; a
-- field nobody above filled is taken from below. What shares an order id but lies far apart is several orders, and what shares
-- an event id only is one report by its name, within the hours that duplicates may take. Refunds lower the value of the
-- order they follow, each event id once.
INSERT INTO {{scratch}}.chosen
WITH
    together AS
    (
        SELECT
            site,
            conversion_id AS order_key,
            any(order_id != '') AS is_order,
            -- each report behind what must be equal, and its moment
            arraySort(x -> (x.1, x.2), groupArrayIf((
                if(order_id != '', '', toString(name)),
                toUnixTimestamp64Milli(ts),
                ({{trust}}, received_at, event_id, toString(name), order_id, value, toString(currency), person_id, identified, ts, visitor_id,
                    session_id, subject, toString(reporter), client_session)), NOT is_refund)) AS told,
            -- one refund that several report under its event id is one; the most trusted says how much
            arraySort(g -> (g.5, g.6, g.7, g.8), groupArrayIf((
                toUnixTimestamp64Milli(ts), value, refund_of, toString(currency), {{trust}}, received_at, event_id, subject), is_refund)) AS reported_back,
            arrayFilter((g, nth) -> nth = 1, reported_back, arrayEnumerateUniq(reported_back.7)) AS given_back
        FROM {{derived}}.conversion_events FINAL
        WHERE (site, conversion_id) IN (SELECT site, conversion_id FROM {{scratch}}.concerned_conversions)
        GROUP BY site, conversion_id
        HAVING notEmpty(told)
    ),
    apart AS
    (
        SELECT
            site, order_key, given_back,
            arraySort(o -> (o[1].2, o[1].1), arraySplit(
                (x, before) -> x.1 != before.1 OR x.2 - before.2 > if(is_order, {order_ms:Int64}, {duplicate_ms:Int64}),
                told, arrayPushFront(arrayPopBack(told), told[1]))) AS split,
            arrayMap(o -> o[1].2, split) AS starts
        FROM together
    ),
    merged AS
    (
        SELECT
            site,
            order_key,
            -- the first keeps the name that an order id alone would have
            if(number = 1, order_key, sipHash64(site, concat(toString(order_key), '#', toString(number)))) AS conversion_id,
            -- (trust, received_at, event_id, subject): the order in which reports are asked
            arraySort(r -> (r.1, r.2, r.3, r.13), one_order.3) AS reports,
            arraySort(x -> (x.10, x.2, x.3, x.13), reports) AS by_time,
            arrayFirst(r -> isNotNull(r.6), {{reports_by_value}}) AS valued,
            toDecimal64(greatest(ifNull(valued.6, 0), 0), 4) AS full_value,
            toString(({{reports_by_name}})[1].4) AS name,
            if({{currency_goes_with_value}} AND valued.7 != '', valued.7, arrayFirst(r -> r.7 != '', {{reports_by_currency}}).7) AS currency,
            -- A refund may be of conversions of certain names only. An amount of another currency cannot be taken off.
            arrayFilter(
                g -> (number = 1 OR g.1 >= start) AND (following = 0 OR g.1 < following) AND (empty(g.3) OR has(g.3, name))
                    AND (isNull(g.2) OR g.4 IN ('', currency) OR currency = ''),
                given_back) AS refunds,
            -- some senders write what they gave back as a negative number
            arraySum(g -> abs(ifNull(g.2, 0)), refunds) AS refund,
            arrayExists(g -> isNull(g.2), refunds) AS refunded_in_full,
            toDecimal64(if(refunded_in_full, full_value, least(refund, full_value)), 4) AS refunded,
            arraySort(arrayDistinct(arrayMap(r -> r.14, reports))) AS reported_by
        FROM apart
        ARRAY JOIN split AS one_order, arrayEnumerate(split) AS number, starts AS start, arrayPushBack(arrayPopFront(starts), 0) AS following
    )
SELECT
    site,
    if(arrayExists(r -> r.9 = 1, reports), arrayFirst(r -> r.9 = 1, {{reports_by_person}}).8, by_time[1].8) AS person_id,
    conversion_id,
    order_key,
    ({{reports_by_ts}})[1].10 AS ts,
    arrayFirst(r -> r.11 != '', {{reports_by_visitor}}).11 AS visitor_id,
    arrayFirst(r -> r.12 != 0, {{reports_by_session}}).12 AS own_session,
    arrayFirst(r -> r.15 != '', {{reports_by_session}}).15 AS client_session,
    name,
    reports[1].5 AS order_id,
    full_value - refunded AS value,
    refunded,
    currency,
    reported_by
FROM merged;
