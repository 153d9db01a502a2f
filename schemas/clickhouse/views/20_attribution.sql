-- Attribution over conversion paths. One definition, with parameters; `v_attribution` and `v_channel_effects` are it under the
-- defaults, `attribution_with` takes only what differs from them (docs/attribution.md). A parameterised view needs all its parameters:
--   since, until  conversions in [since, until); open paths by their last touch
--   lookback_s    touches at most this long before the conversion; 0 = the look-back of the rules
--   conversion    only conversions of these names, comma-separated; '' = all
--   transform     '' none, 'collapse' the first of consecutive repeats, 'first' the first of each channel,
--                 'drop_direct' no Direct unless nothing else is there
-- Nothing here depends on the present time.

-- The paths as the models see them: parallel arrays. A conversion without touches has one step, `Unattributed`, number 0.
CREATE OR REPLACE VIEW attribution_paths AS
SELECT
    site, conversion_id, person_id, converted_at, name, number, ticks, currency, attributed,
    if(attributed, arrayFilter((x, k) -> k, path_channels, keep), ['Unattributed']::Array(LowCardinality(String))) AS channels,
    if(attributed, arrayFilter((x, k) -> k, path_nodes, keep), ['classic']::Array(LowCardinality(String))) AS nodes,
    if(attributed, arrayFilter((x, k) -> k, path_sources, keep), ['']::Array(LowCardinality(String))) AS sources,
    if(attributed, arrayFilter((x, k) -> k, path_mediums, keep), ['']::Array(LowCardinality(String))) AS mediums,
    if(attributed, arrayFilter((x, k) -> k, path_campaigns, keep), ['']::Array(LowCardinality(String))) AS campaigns,
    if(attributed, arrayFilter((x, k) -> k, path_kinds, keep), ['']::Array(LowCardinality(String))) AS kinds,
    if(attributed, arrayFilter((x, k) -> k, path_touchpoint_ids, keep), [0]) AS touchpoint_ids,
    if(attributed, arrayFilter((x, k) -> k, touched_ms, keep), [toInt64(0)]) AS touch_ms,
    if(attributed, arrayEnumerate(arrayFilter(k -> k, keep)), [toUInt32(0)]) AS positions
FROM
(
    SELECT
        *,
        reinterpret(value, 'Int64') AS ticks,
        multiIf(
            {transform:String} = 'collapse', arrayMap((c, before, n, n_before) -> n AND (c != before OR NOT n_before),
                path_channels, arrayShiftRight(path_channels, 1, ''), near, arrayShiftRight(near, 1, toUInt8(0))),
            {transform:String} = 'first', arrayMap((n, seen) -> n AND seen = 1, near, arrayEnumerateUniq(path_channels, near)),
            {transform:String} = 'drop_direct',
                arrayMap((c, n) -> n AND (only_direct OR c != 'Direct'), path_channels, near),
            near) AS keep,
        has(near, 1) AS attributed
    FROM
    (
        SELECT
            *,
            NOT arrayExists((c, n) -> n AND c != 'Direct', path_channels, near) AS only_direct,
            arrayMap(t -> toUInt8({lookback_s:Int64} = 0 OR toUnixTimestamp64Milli(converted_at) - t <= {lookback_s:Int64} * 1000), touched_ms) AS near
        FROM
        (
            SELECT *, arrayMap(t -> toUnixTimestamp64Milli(t), path_ts) AS touched_ms
            FROM conversion_paths FINAL
            WHERE converted_at >= {since:DateTime64(3, 'UTC')} AND converted_at < {until:DateTime64(3, 'UTC')}
                AND ({conversion:String} = '' OR has(splitByChar(',', {conversion:String}), toString(name)))
        )
    )
);

-- first, last, last_non_direct, linear, position and time_decay, all in one pass. Money is dealt out by rounding the running
-- sum, so that the parts of a conversion are its value to the last digit, whatever the weights.
CREATE OR REPLACE VIEW attribution_positional AS
SELECT
    site, model, conversion_id, converted_at, person_id, touchpoint_id, channel, node, source, medium, campaign, kind,
    position, credit, reinterpret(tick, 'Decimal(18, 4)') AS value, currency
FROM
(
    SELECT
        site, conversion_id, converted_at, person_id, currency, touchpoint_id, channel, node, source, medium, campaign, kind, position,
        [c_first, c_last, c_last_non_direct, c_linear, c_position, c_time_decay] AS credits,
        [t_first, t_last, t_last_non_direct, t_linear, t_position, t_time_decay] AS step_ticks
    FROM
    (
        SELECT
            *,
            toUInt32(length(channels)) AS n,
            arrayEnumerate(channels) AS i,
            greatest(arrayLastIndex(c -> c != 'Direct', channels), 0) AS last_named,
            if(last_named = 0, n, last_named) AS non_direct,
            toFloat64({position_first:Float64}) AS w_first, toFloat64({position_middle:Float64}) AS w_middle, toFloat64({position_last:Float64}) AS w_last,
            arrayMap(p -> toFloat64(p = 1), i) AS first_credits,
            arrayMap(p -> toFloat64(p = n), i) AS last_credits,
            arrayMap(p -> toFloat64(p = non_direct), i) AS non_direct_credits,
            arrayMap(p -> 1 / n, i) AS linear_credits,
            arrayMap(p -> multiIf(
                n = 1, 1.,
                n = 2 AND w_first + w_last = 0, 0.5,
                n = 2, if(p = 1, w_first, w_last) / (w_first + w_last),
                multiIf(p = 1, w_first, p = n, w_last, w_middle / (n - 2)) / (w_first + w_middle + w_last)), i) AS position_credits,
            -- relative to the last touch: the same shares as relative to the conversion, and never all zero
            arrayMap(t -> exp2((t - touch_ms[-1]) / 1000 / {half_life_s:Float64}), touch_ms) AS decayed,
            arraySum(decayed) AS decayed_sum,
            arrayMap(w -> w / decayed_sum, decayed) AS decay_credits,
            arrayMap((c, p) -> if(p = n OR c > 1 - 1e-12, ticks, toInt64(round(ticks * c))), arrayCumSum(first_credits), i) AS first_sums,
            arrayMap((c, p) -> if(p = n OR c > 1 - 1e-12, ticks, toInt64(round(ticks * c))), arrayCumSum(last_credits), i) AS last_sums,
            arrayMap((c, p) -> if(p = n OR c > 1 - 1e-12, ticks, toInt64(round(ticks * c))), arrayCumSum(non_direct_credits), i) AS non_direct_sums,
            arrayMap((c, p) -> if(p = n OR c > 1 - 1e-12, ticks, toInt64(round(ticks * c))), arrayCumSum(linear_credits), i) AS linear_sums,
            arrayMap((c, p) -> if(p = n OR c > 1 - 1e-12, ticks, toInt64(round(ticks * c))), arrayCumSum(position_credits), i) AS position_sums,
            arrayMap((c, p) -> if(p = n OR c > 1 - 1e-12, ticks, toInt64(round(ticks * c))), arrayCumSum(decay_credits), i) AS decay_sums
        FROM attribution_paths({{window}})
    )
    ARRAY JOIN
        channels AS channel, nodes AS node, sources AS source, mediums AS medium, campaigns AS campaign, kinds AS kind,
        touchpoint_ids AS touchpoint_id, positions AS position,
        first_credits AS c_first, last_credits AS c_last, non_direct_credits AS c_last_non_direct, linear_credits AS c_linear,
        position_credits AS c_position, decay_credits AS c_time_decay,
        arrayPopFront(arrayDifference(arrayPushFront(first_sums, toInt64(0)))) AS t_first,
        arrayPopFront(arrayDifference(arrayPushFront(last_sums, toInt64(0)))) AS t_last,
        arrayPopFront(arrayDifference(arrayPushFront(non_direct_sums, toInt64(0)))) AS t_last_non_direct,
        arrayPopFront(arrayDifference(arrayPushFront(linear_sums, toInt64(0)))) AS t_linear,
        arrayPopFront(arrayDifference(arrayPushFront(position_sums, toInt64(0)))) AS t_position,
        arrayPopFront(arrayDifference(arrayPushFront(decay_sums, toInt64(0)))) AS t_time_decay
)
ARRAY JOIN
    ['first', 'last', 'last_non_direct', 'linear', 'position', 'time_decay'] AS model,
    credits AS credit,
    step_ticks AS tick;

-- The ways people took: the channels of every converting path, and of every open path (persons who have not converted, or not
-- again). A conversion without touches is no way.
CREATE OR REPLACE VIEW attribution_ways AS
SELECT site, converted_at AS at, channels, toUInt8(1) AS converted
FROM attribution_paths({{window}})
WHERE attributed
UNION ALL
SELECT site, last_touch_at AS at, arrayFilter((c, k) -> k, path_channels, keep) AS channels, toUInt8(0) AS converted
FROM
(
    SELECT
        *,
        multiIf(
            {transform:String} = 'collapse',
                arrayMap((c, before, p) -> c != before OR p = 1, path_channels, arrayShiftRight(path_channels, 1, ''), arrayEnumerate(path_channels)),
            {transform:String} = 'first', arrayMap(seen -> seen = 1, arrayEnumerateUniq(path_channels)),
            {transform:String} = 'drop_direct' AND arrayExists(c -> c != 'Direct', path_channels), arrayMap(c -> c != 'Direct', path_channels),
            arrayMap(c -> toUInt8(1), path_channels)) AS keep
    FROM open_paths FINAL
    WHERE last_touch_at >= {since:DateTime64(3, 'UTC')} AND last_touch_at < {until:DateTime64(3, 'UTC')}
);

-- Steps from channel to channel, with how often they were taken: what a Markov chain of order 1 is made of.
CREATE OR REPLACE VIEW attribution_transitions AS
SELECT site, step_from, step_to, count() AS taken
FROM attribution_ways({{window}})
ARRAY JOIN
    arrayPushFront(channels, '(start)') AS step_from,
    arrayPushBack(channels, if(converted, '(conversion)', '(null)')) AS step_to
GROUP BY site, step_from, step_to;

-- The same for a chain of order 2: from the last two channels.
CREATE OR REPLACE VIEW attribution_transitions_2 AS
SELECT site, step_before, step_from, step_to, count() AS taken
FROM attribution_ways({{window}})
ARRAY JOIN
    arrayConcat(['(start)', '(start)'], arrayPopBack(channels)) AS step_before,
    arrayPushFront(channels, '(start)') AS step_from,
    arrayPushBack(channels, if(converted, '(conversion)', '(null)')) AS step_to
WHERE notEmpty(channels)
GROUP BY site, step_before, step_from, step_to;

-- Removal effects, order 1: by which share the chance of a conversion falls when every step into a channel ends the way.
-- With N = (I - Q)^-1, a way passes channel c with chance (start N)_c / N_cc, and converts from there with chance
-- (N conversion)_c: one matrix inverted (Gauss-Jordan by arrayFold) gives all channels. I - Q needs no pivoting, since from every
-- channel some way ends.
CREATE OR REPLACE VIEW attribution_markov AS
SELECT site, channel, if(total = 0, 0., visit / return * chance / total) AS effect
FROM
(
    SELECT
        site, channels, arrayDotProduct(starts, conversion_chances) AS total, conversion_chances,
        arrayMap((line, i) -> line[i], fundamental, arrayEnumerate(channels)) AS returns,
        arrayMap(i -> arraySum((s, line) -> s * line[i], starts, fundamental), arrayEnumerate(channels)) AS visits
    FROM
    (
        SELECT *, arrayMap(line -> arrayDotProduct(line, ends), fundamental) AS conversion_chances
        FROM
        (
            SELECT
                site, channels, ends, starts,
                arrayMap(line -> arraySlice(line, length(channels) + 1), arrayFold(
                    (m, k) -> arrayMap((line, i) -> if(i = k,
                        arrayMap(x -> x / m[k][k], line),
                        arrayMap((x, pivot) -> x - line[k] * pivot / m[k][k], line, m[k])), m, arrayEnumerate(m)),
                    arrayEnumerate(channels), system)) AS fundamental
            FROM
            (
                -- [I - Q | I], line by line
                SELECT
                    site, sorted.1 AS channels, sorted.3 AS ends, starts,
                    arrayMap((line, i) -> arrayConcat(
                        arrayMap((q, j) -> (i = j) - q, line, arrayEnumerate(line)), arrayMap(j -> toFloat64(i = j), arrayEnumerate(line))),
                        sorted.2, arrayEnumerate(sorted)) AS system
                FROM
                (
                    SELECT
                        site,
                        arraySort(groupArrayIf((step_from, onward, ending), step_from != '(start)')) AS sorted,
                        anyIf(onward, step_from = '(start)') AS starts
                    FROM
                    (
                        -- the chances of a step out of each channel, in the order of the site's channels
                        SELECT
                            site, step_from, chances[indexOf(targets, '(conversion)')] AS ending,
                            arrayMap(c -> chances[indexOf(targets, c)], names) AS onward
                        FROM
                        (
                            SELECT
                                site, step_from, targets, arrayMap(c -> c / total, counts) AS chances,
                                arraySort(arrayFilter(c -> c != '(start)', groupArray(step_from) OVER (PARTITION BY site))) AS names
                            FROM
                            (
                                SELECT site, step_from, groupArray(step_to) AS targets, groupArray(taken) AS counts, sum(taken) AS total
                                FROM attribution_transitions({{window}})
                                GROUP BY site, step_from
                            )
                        )
                    )
                    GROUP BY site
                )
            )
        )
    )
)
ARRAY JOIN channels AS channel, visits AS visit, returns AS return, conversion_chances AS chance;

-- Shapley values of the game "how many conversions could these channels alone have made": v(S) = converting paths with all
-- their channels in S. It is a sum of unanimity games, so the value is exact for any number of channels without
-- going through the coalitions: each conversion, in equal parts, to the distinct channels of its path.
CREATE OR REPLACE VIEW attribution_shapley AS
SELECT site, channel, sum(1 / length(coalition)) AS effect
FROM
(
    SELECT site, arrayDistinct(channels) AS coalition
    FROM attribution_paths({{window}})
    WHERE attributed
)
ARRAY JOIN coalition AS channel
GROUP BY site, channel;

-- Effects of channels: removal effects (0 to 1, they add up to more than 1), or Shapley values (in conversions, they add up
-- to the conversions), beside what they were computed on.
CREATE OR REPLACE VIEW channel_effects AS
SELECT
    e.site AS site, e.model AS model, e.channel AS channel, e.effect AS effect,
    e.effect / sum(e.effect) OVER (PARTITION BY e.site, e.model) AS share,
    w.conversions AS conversions, w.open_paths AS open_paths, w.window_from AS window_from, w.window_until AS window_until
FROM
(
    SELECT site, 'markov' AS model, channel, effect
    FROM attribution_markov({{window}})
    WHERE {model:String} IN ('', 'markov')
    UNION ALL
    SELECT site, 'shapley' AS model, channel, effect
    FROM attribution_shapley({{window}})
    WHERE {model:String} IN ('', 'shapley')
) AS e
INNER JOIN
(
    SELECT site, countIf(converted) AS conversions, countIf(NOT converted) AS open_paths, min(at) AS window_from, max(at) AS window_until
    FROM attribution_ways({{window}})
    GROUP BY site
) AS w ON w.site = e.site;

-- markov and shapley as credits: see by_effect.inc.sql.
CREATE OR REPLACE VIEW attribution_by_markov AS
{{by_markov}};

CREATE OR REPLACE VIEW attribution_by_shapley AS
{{by_shapley}};

-- By effects that were worked out elsewhere (Markov chains of order 2): JSON [[site, channel, effect], …].
CREATE OR REPLACE VIEW attribution_by_given AS
{{by_given}};

-- All models, or the one named.
CREATE OR REPLACE VIEW attribution AS
SELECT *
FROM attribution_positional({{model}})
WHERE {model:String} = '' OR {model:String} = model
UNION ALL
SELECT * FROM attribution_by_markov({{window}}) WHERE {model:String} IN ('', 'markov')
UNION ALL
SELECT * FROM attribution_by_shapley({{window}}) WHERE {model:String} IN ('', 'shapley');

CREATE OR REPLACE VIEW v_attribution AS
SELECT * FROM attribution(model = '', {{defaults}});

-- The same with what differs from the defaults, as JSON: attribution_with(options = '{"model": "time_decay", "half_life_s": 86400}').
CREATE OR REPLACE VIEW attribution_with AS
SELECT * FROM attribution(model = JSONExtractString({options:String}, 'model'), {{options}});

CREATE OR REPLACE VIEW v_channel_effects AS
SELECT * FROM channel_effects(model = '', {{always}});
