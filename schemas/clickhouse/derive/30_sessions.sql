-- Sessions of the dirty subjects. Each subject's events become parallel arrays in time order, and every step is one linear
-- pass over them (five times faster than window functions, and no array is ever captured by a lambda, which would make
-- it quadratic for a busy visitor). Two orders are in play: `sorted` (time) decides, `arrival` (as grouped) holds the wide
-- columns; flags computed in the first are brought back to the second, so that wide columns are never sorted.
-- Events of one millisecond are one moment: where any of them starts a session, all of them belong to it.
INSERT INTO {{scratch}}.visits
WITH
    -- 1. the events, grouped
    grouped AS
    (
        SELECT
            site,
            subject,
            -- one array of tuples, half the work of an array for each column; g.1 … g.23 below
            groupArray((
                toUnixTimestamp64Milli(ts),                                        -- 1
                event_id,                                                          -- 2
                campaign_key,                                                      -- 3
                click_key,                                                         -- 4
                toUInt8(type IN ('page', 'screen')),                               -- 5
                toUInt8({{is_conversion}} AS converts),                            -- 6
                toUInt8(secret AND converts),                                      -- 7
                url,                                                               -- 8
                referrer,                                                          -- 9
                referrer_host,                                                     -- 10
                url_host,                                                          -- 11
                utm_source,                                                        -- 12
                utm_medium,                                                        -- 13
                utm_campaign,                                                      -- 14
                utm_content,                                                       -- 15
                utm_term,                                                          -- 16
                click_id_type,                                                     -- 17
                country,                                                           -- 18
                device_type,                                                       -- 19
                is_bot,                                                            -- 20
                toUInt8(campaign_key = 0 AND click_key = 0 AND {{is_continuing}}), -- 21
                {{local_day}},                                                     -- 22
                if(secret AND converts, '', client_session)                        -- 23
            )) AS g
        FROM {{dirty_events}}
        WHERE {{is_activity}}
            AND (site, subject) NOT IN (SELECT site, subject FROM {{scratch}}.dirty_subjects WHERE {{visitor_is_blocked}})
        GROUP BY site, subject
    ),
    -- 2. in time order, with the owner of each moment (as an index into `owners`)
    sorted AS
    (
        SELECT
            grouped.*,
            -- while nobody owns a device of a group, it is the group
            if(identities.device_group = '', identities.owners,
                arrayMap(o -> if(o = '', identities.device_group, o), identities.owners)) AS named,
            arrayDistinct(named) AS owners,
            arraySort(arrayZip(g.1, g.2, g.3, g.4, g.5, g.6, g.7, arrayEnumerate(g.1), g.21, g.22)) AS s,
            s.1 AS s_time,
            s.3 AS s_campaign,
            s.4 AS s_click,
            -- Devices with one owner, nearly all, skip this. Else starts of ownership are merged into the moments by time
            -- (a start comes before the moments of its millisecond), and the last start seen is carried forward.
            if(length(identities.owners) > 1, identities.owned_from, []) AS changes,
            -- the same person twice is one entry of `owners`: coming back after a log-out is no other person
            if(empty(changes), [], arrayEnumerateDense(named)) AS changed_to,
            arraySort(arrayConcat(
                arrayMap((f, i) -> (f, toUInt32(0), toUInt32(i)), changes, changed_to),
                arrayMap((t, i) -> (t, toUInt32(i), toUInt32(0)), if(empty(changes), [], s_time), arrayEnumerate(if(empty(changes), [], s_time)))
            )) AS merged,
            if(empty(changes),
                arrayMap(t -> toUInt32(1), s_time),
                arrayFilter((o, m) -> m != 0, arrayFill(o -> o != 0, merged.3), merged.2)) AS s_owner
        FROM grouped
        LEFT ANY JOIN {{scratch}}.identities AS identities
            ON identities.site = grouped.site AND identities.id_value = grouped.subject AND identities.id_type = 'visitor_id'
    ),
    -- 3. breaks by silence, owner or midnight, which also forget the campaign; then breaks by a new campaign or click id
    cut AS
    (
        SELECT
            *,
            arrayMap(
                (t, before, o, o_before, r, day, day_before, i) -> i = 1
                    -- who comes back from a payment page later than the time-out has still not left
                    OR (t - before > {gap_ms:Int64} AND NOT (r AND t - before <= {continuity_ms:Int64}))
                    OR ({split_on_owner:UInt8} AND o != o_before)
                    OR ({split_at_midnight:UInt8} AND day != day_before),
                s_time, arrayPushFront(arrayPopBack(s_time), toInt64(0)),
                s_owner, arrayPushFront(arrayPopBack(s_owner), toUInt32(0)),
                s.9,
                s.10, arrayPushFront(arrayPopBack(s.10), toInt32(0)),
                arrayEnumerate(s_time)
            ) AS s_break,
            arrayPushFront(arrayPopBack(arrayFill((k, b) -> k != 0 OR b, s_campaign, s_break)), toUInt64(0)) AS campaign_before,
            arrayPushFront(arrayPopBack(arrayFill((k, b) -> k != 0 OR b, s_click, s_break)), toUInt64(0)) AS click_before,
            arrayMap(
                (t, b, k, k_before, c, c_before) -> if(
                    b OR ({split_on_campaign:UInt8} AND ((k != 0 AND k != k_before) OR (c != 0 AND c != c_before))), t, toInt64(0)),
                s_time, s_break, s_campaign, campaign_before, s_click, click_before
            ) AS s_cut,
            -- the session start of each moment: a cut at this very millisecond, else the last cut before it
            arrayMap(
                (t, last, next) -> if(next = t, t, last),
                s_time, arrayFill(c -> c != 0, s_cut), arrayReverseFill(c -> c != 0, s_cut)
            ) AS s_start_any_length,
            -- from the start before each moment: a new campaign after so long is a cut by length too
            arrayExists(
                (t, b, start) -> NOT b AND t - start > {length_ms:Int64},
                s_time, s_break, arrayPushFront(arrayPopBack(s_start_any_length), s_time[1])
            ) AS is_long
        FROM sorted
    ),
    -- 4. where a session may end by its length: see the two files that may stand here
    folded AS
    (
{{by_length}}
    ),
    -- 5. one flag per session for its first and last moment, entry (first page, else first event), exit (last page, else
    --    last event) and source (first event with a campaign or click id, else the entry)
    flagged AS
    (
        SELECT
            *,
            arrayMap((a, b) -> a != b, s_start, arrayPushFront(arrayPopBack(s_start), toInt64(-1))) AS s_first,
            arrayMap((a, b) -> a != b, s_start, arrayPushBack(arrayPopFront(s_start), toInt64(-1))) AS s_last,
            arrayCumSum(s_first) AS s_session,
            s.5 AS s_page,
            arrayMap((p, base) -> p - base, arrayCumSum(s_page),
                arrayFill((b, f) -> f, arrayMap((p, x) -> p - x, arrayCumSum(s_page), s_page), s_first)) AS page_number,
            arrayReverseFill((n, l) -> l, page_number, s_last) AS pages,
            arrayMap((k, c) -> toUInt8(k != 0 OR c != 0), s_campaign, s_click) AS s_tagged,
            arrayMap((p, base) -> p - base, arrayCumSum(s_tagged),
                arrayFill((b, f) -> f, arrayMap((p, x) -> p - x, arrayCumSum(s_tagged), s_tagged), s_first)) AS tagged_number,
            arrayReverseFill((n, l) -> l, tagged_number, s_last) AS tagged,
            arrayMap((p, n, total, f) -> (p AND n = 1) OR (total = 0 AND f), s_page, page_number, pages, s_first) AS s_entry,
            arrayMap((p, n, total, l) -> (p AND n = total) OR (total = 0 AND l), s_page, page_number, pages, s_last) AS s_exit,
            arrayMap((p, n, total, e) -> (p AND n = 1) OR (total = 0 AND e), s_tagged, tagged_number, tagged, s_entry) AS s_source,
            -- back in the order of the wide columns
            arraySort(arrayZip(s.8, s_session, s_entry, s_exit, s_source, arrayMap(
                (r, f, t, before) -> multiIf(NOT r, '', f, 'source:', t - before > {gap_ms:Int64}, 'list:', 'session:'),
                s.9, s_first, s_time, arrayPushFront(arrayPopBack(s_time), toInt64(0))))) AS w
        FROM folded
    ),
    -- 6. per session
    picked AS
    (
        SELECT
            site,
            subject,
            arrayFilter((x, f) -> f, s_time, s_first) AS starts,
            arrayFilter((x, f) -> f, s_time, s_last) AS ends,
            arrayMap(i -> owners[i], arrayFilter((x, f) -> f, s_owner, s_first)) AS persons,
            arrayDifference(arrayPushFront(arrayFilter((i, f) -> f, arrayEnumerate(s_last), s_last), 0)) AS counts,
            arrayFilter((x, f) -> f, pages, s_first) AS pageviews,
            arrayDifference(arrayPushFront(arrayFilter((c, f) -> f, arrayCumSum(s.6), s_last), 0)) AS conversions,
            arrayDifference(arrayPushFront(arrayFilter((c, f) -> f, arrayCumSum(s.7), s_last), 0)) AS reports,
            -- the wide columns of the flagged events, in session order
            arraySort(v -> v.1, arrayFilter((v, f) -> f, arrayZip(w.2, g.8, g.18, g.19, g.20), w.3)) AS entries,
            arraySort(v -> v.1, arrayFilter((v, f) -> f, arrayZip(w.2, g.8), w.4)) AS exits,
            arraySort(v -> v.1, arrayFilter((v, f) -> f, arrayZip(
                w.2, g.9, g.10, g.11, g.12, g.13, g.14, g.15, g.16, g.17), w.5)) AS sources,
            -- each session's number without an id, then with each id that it has: cut where the number changes
            arraySort(arrayDistinct(arrayConcat(
                arrayMap(n -> (toUInt32(n), ''), arrayEnumerate(starts)),
                arrayFilter(v -> v.2 != '', arrayMap((n, id) -> (toUInt32(n), id), w.2, g.23))))) AS told,
            arrayMap(of_one -> arrayPopFront(of_one.2),
                arraySplit((v, before) -> v.1 != before.1, told, arrayPushFront(arrayPopBack(told), told[1]))) AS client_ids,
            -- returns that were no new beginning, likewise; seldom any
            arrayDistinct(arrayFilter(v -> v.2 != '',
                arrayMap((n, how, host) -> (toUInt32(n), if(how = '', '', concat(how, host))), w.2, w.6, g.10))) AS returns,
            if(empty(returns), [], arraySort(arrayConcat(arrayMap(n -> (toUInt32(n), ''), arrayEnumerate(starts)), returns))) AS returned,
            if(empty(returns), arrayMap(f -> []::Array(String), starts), arrayMap(of_one -> arrayPopFront(of_one.2),
                arraySplit((v, before) -> v.1 != before.1, returned, arrayPushFront(arrayPopBack(returned), returned[1])))) AS continuities
        FROM flagged
    )
SELECT
    site,
    subject,
    start,
    end,
    if(owner = '', concat('visitor_id:', subject), owner) AS person_id,
    count,
    pageview,
    conversion,
    report,
    entry.2 AS entry_url,
    entry.3 AS country,
    entry.4 AS device_type,
    entry.5 AS is_bot,
    exit.2 AS exit_url,
    source.2 AS referrer,
    source.3 AS referrer_host,
    source.4 AS url_host,
    source.5 AS utm_source,
    source.6 AS utm_medium,
    source.7 AS utm_campaign,
    source.8 AS utm_content,
    source.9 AS utm_term,
    source.10 AS click_id_type,
    '' AS kind,
    {{landing_path}} AS landing_path,
    continuity,
    client_sessions,
    {{source_key}} AS source_key
FROM picked
ARRAY JOIN
    starts AS start,
    ends AS end,
    persons AS owner,
    arrayPopFront(counts) AS count,
    pageviews AS pageview,
    arrayPopFront(conversions) AS conversion,
    arrayPopFront(reports) AS report,
    entries AS entry,
    exits AS exit,
    sources AS source,
    continuities AS continuity,
    client_ids AS client_sessions
-- events are stored in this order, so each subject is grouped as it is read
SETTINGS optimize_aggregation_in_order = 1;
