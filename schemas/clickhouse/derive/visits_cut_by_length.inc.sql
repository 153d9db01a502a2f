-- Sessions over the maximum length depend on the one before, so subjects that have one are folded; not event by
-- event, which takes kilobytes for each, but stretch by stretch, each as long as a session may be: whatever starts in one lasts
-- beyond its end, so each has one cut by length at most, which is its first start of any kind, if it is one.
SELECT
    *,
    if(is_long, arrayZip(
        -- 1. the moment, from 1
        arrayMap((t, first) -> t - first + 1, s_time, arrayResize([s_time[1]], length(s_time), s_time[1])),
        -- 2. whether something else than the length starts a session
        arrayMap(c -> c != 0, s_cut),
        -- 3., 4. whether it has a campaign, a click id: where none was since the last break, it starts a session
        arrayMap(k -> {split_on_campaign:UInt8} AND k != 0, s_campaign),
        arrayMap(c -> {split_on_campaign:UInt8} AND c != 0, s_click),
        s_break
    ), []) AS moments,
    arrayMap(m -> intDiv(m.1 - 1, {length_ms:Int64}), moments) AS stretch,
    arraySplit((m, number, before) -> number != before, moments, stretch, arrayPopBack(arrayPushFront(stretch, toInt64(0)))) AS stretches,
    -- State: (start of the session, whether a campaign was seen since the last break, and a click id, cuts by length so far: one
    -- for each stretch, 0 = none).
    arrayFold(
        (state, ms) -> arrayMap(
            of_stretch -> (
                greatest(
                    if(of_stretch.1 != 0, of_stretch.1, state.1),
                    arrayLast(m -> m.2, ms).1,
                    if(of_stretch.1 = 0 AND state.2, 0, arrayFirst(m -> m.3 AND m.1 >= of_stretch.1, ms).1),
                    if(of_stretch.1 = 0 AND state.3, 0, arrayFirst(m -> m.4 AND m.1 >= of_stretch.1, ms).1)
                ),
                toUInt8((of_stretch.2 = 0 AND state.2) OR arrayExists(m -> m.3 AND m.1 >= of_stretch.2, ms)),
                toUInt8((of_stretch.2 = 0 AND state.3) OR arrayExists(m -> m.4 AND m.1 >= of_stretch.2, ms)),
                arrayPushBack(state.4, of_stretch.1)
            ),
            -- (the cut by length, the last break)
            arrayMap(
                (too_long, other, broken) -> if(too_long != 0 AND (other = 0 OR too_long <= other), (too_long, greatest(too_long, broken)), (toInt64(0), broken)),
                [arrayFirst(m -> m.1 - state.1 > {length_ms:Int64}, ms).1],
                [arrayFirst(m -> m.2 OR (m.3 AND NOT state.2) OR (m.4 AND NOT state.3), ms).1],
                [arrayLast(m -> m.5, ms).1])
        )[1],
        stretches,
        (toInt64(0), toUInt8(0), toUInt8(0), []::Array(Int64))
    ).4 AS long_cuts,
    arrayFlatten(arrayMap((ms, cut) -> arrayMap(m -> m.1 = cut, ms), stretches, long_cuts)) AS l_cut,
    -- such a cut forgets the campaign too, so the rest is as it was in 3.
    moments.1 AS l_time,
    arrayMap(
        (b, cut, t, before) -> b OR (cut AND t != before),
        moments.5, l_cut, l_time, arrayPopBack(arrayPushFront(l_time, toInt64(0)))
    ) AS l_break,
    if(is_long, s_campaign, []) AS l_campaign,
    if(is_long, s_click, []) AS l_click,
    arrayMap(
        (t, b, k, k_before, c, c_before) -> if(
            b OR ({split_on_campaign:UInt8} AND ((k != 0 AND k != k_before) OR (c != 0 AND c != c_before))), t, toInt64(0)),
        l_time, l_break,
        l_campaign, arrayPopBack(arrayPushFront(arrayFill((k, b) -> k != 0 OR b, l_campaign, l_break), toUInt64(0))),
        l_click, arrayPopBack(arrayPushFront(arrayFill((k, b) -> k != 0 OR b, l_click, l_break), toUInt64(0)))
    ) AS l_start,
    if(is_long,
        arrayMap(
            (t, last, next, moment) -> t - moment + if(next = moment, moment, last),
            if(is_long, s_time, []), arrayFill(c -> c != 0, l_start), arrayReverseFill(c -> c != 0, l_start), l_time),
        s_start_any_length) AS s_start
FROM cut
