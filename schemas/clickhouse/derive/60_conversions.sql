-- The dirty conversions: all reports of one order become one conversion, field by field. Order of trust: a server's word
-- before a browser's, then the earliest arrival; a field nobody above filled is taken from below. Refunds lower the value.
INSERT INTO {{scratch}}.conversions
WITH
    merged AS
    (
        SELECT
            site,
            conversion_id,
            -- (trust, received_at, event_id, subject): the order in which reports are asked
            arraySort(r -> (r.1, r.2, r.3, r.13), groupArrayIf((
                {{trust}}, received_at, event_id,
                name, order_id, value, currency, person_id, identified, ts, visitor_id, session_id, subject), NOT is_refund)) AS reports,
            arraySort(x -> (x.10, x.2, x.3, x.13), reports) AS by_time,
            arrayFirst(r -> isNotNull(r.6), reports) AS valued,
            toDecimal64(greatest(ifNull(valued.6, 0), 0), 4) AS full_value,
            -- some senders write what they gave back as a negative number
            arrayFilter(r -> empty(r.2) OR has(r.2, toString(reports[1].4)), groupArrayIf((value, refund_of), is_refund)) AS given_back,
            toDecimal64(arraySum(r -> abs(ifNull(r.1, 0)), given_back), 4) AS refunds,
            arrayExists(r -> isNull(r.1), given_back) AS refunded_in_full,
            toDecimal64(if(refunded_in_full, full_value, least(refunds, full_value)), 4) AS refunded,
            arraySort(groupUniqArrayIf(reporter, NOT is_refund)) AS reported_by
        FROM {{derived}}.conversion_events FINAL
        WHERE (site, conversion_id) IN (SELECT site, conversion_id FROM {{scratch}}.dirty_conversions)
        GROUP BY site, conversion_id
        HAVING notEmpty(reports)
    ),
    chosen AS
    (
        SELECT
            site,
            if(arrayExists(r -> r.9 = 1, reports), arrayFirst(r -> r.9 = 1, reports).8, by_time[1].8) AS person_id,
            conversion_id,
            by_time[1].10 AS ts,
            arrayFirst(r -> r.11 != '', by_time).11 AS visitor_id,
            arrayFirst(r -> r.12 != 0, by_time).12 AS own_session,
            reports[1].4 AS name,
            reports[1].5 AS order_id,
            full_value - refunded AS value,
            refunded,
            if(valued.7 != '', valued.7, arrayFirst(r -> r.7 != '', reports).7) AS currency,
            reported_by
        FROM merged
    )
SELECT
    c.site AS site,
    c.person_id AS person_id,
    c.conversion_id AS conversion_id,
    c.ts AS ts,
    c.visitor_id AS visitor_id,
    -- a report without a visitor joins the session of its person that is running
    multiIf(c.own_session != 0, c.own_session, s.ended_at + toIntervalMillisecond({gap_ms:Int64}) >= c.ts, s.session_id, 0) AS session_id,
    c.name AS name,
    c.order_id AS order_id,
    c.value AS value,
    c.refunded AS refunded,
    c.currency AS currency,
    c.reported_by AS reported_by,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM chosen AS c
ASOF LEFT JOIN
(
    SELECT site, person_id, started_at, argMax(sessions.ended_at, sessions.session_id) AS ended_at, max(sessions.session_id) AS session_id
    FROM {{derived}}.sessions FINAL
    WHERE (site, subject) IN
    (
        SELECT site, subject
        FROM {{derived}}.person_subjects
        WHERE (site, person_id) IN (SELECT site, person_id FROM chosen WHERE own_session = 0)
    )
    GROUP BY site, person_id, started_at
) AS s ON s.site = c.site AND s.person_id = c.person_id AND s.started_at <= c.ts;
