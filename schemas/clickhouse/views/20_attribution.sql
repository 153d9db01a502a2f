-- Attribution over conversion paths. One definition, with parameters; `v_attribution` and `v_channel_effects` are it under the
-- defaults, `attribution_with` takes only what differs from them (docs/attribution.md). A parameterised view needs all its parameters:
--   since, until  conversions in [since, until); open paths by their last touch
--   lookback_s    touches at most this long before the conversion; 0 = the look-back of the rules
--   conversion    only conversions of these names, comma-separated; '' = all, '-' = none, and no open paths
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
                AND {conversion:String} != '-' AND ({conversion:String} = '' OR has(splitByChar(',', {conversion:String}), toString(name)))
        )
    )
);

-- first, last, last_non_direct, linear, position and time_decay, all in one pass: only the decay needs the path as a whole, all else is
-- told by a step's place in it. Money is dealt out by rounding the running sum, so that the parts of a conversion are its value to the
-- last digit, whatever the weights. `model` '' = all six; of one alone nothing else is worked out.
CREATE OR REPLACE VIEW attribution_positional AS
SELECT
    site, model, conversion_id, converted_at, person_id, touchpoint_id, channel, node, source, medium, campaign, kind,
    position, credit, reinterpret(tick, 'Decimal(18, 4)') AS value, currency
FROM
(
    SELECT
        site, conversion_id, converted_at, person_id, currency, touchpoint_id, channel, node, source, medium, campaign, kind, position,
        toFloat64(p = 1) AS c_first,
        toFloat64(p = n) AS c_last,
        toFloat64(p = non_direct) AS c_non_direct,
        1 / n AS c_linear,
        multiIf(n = 1, 1., n = 2, if(p = 1, pair_first, 1 - pair_first), p = 1, share_first, p = n, share_last, share_middle) AS c_position,
        decayed / decayed_sum AS c_decay,
        if(p = 1, ticks, toInt64(0)) AS t_first,
        if(p = n, ticks, toInt64(0)) AS t_last,
        if(p = non_direct, ticks, toInt64(0)) AS t_non_direct,
        -- the running sum of shares up to this step and up to the one before it, in money
        if(p = n, ticks, toInt64(round(ticks * (p / n)))) - toInt64(round(ticks * ((p - 1) / n))) AS t_linear,
        if(n = 2, pair_first, share_first + (toInt32(p) - 1) * share_middle) AS position_until,
        if(n = 2, pair_first, share_first + (toInt32(p) - 2) * share_middle) AS position_before,
        if(p = n OR position_until > 1 - 1e-12, ticks, toInt64(round(ticks * position_until)))
            - multiIf(p = 1, toInt64(0), position_before > 1 - 1e-12, ticks, toInt64(round(ticks * position_before))) AS t_position,
        decayed_until / decayed_sum AS decay_until,
        decayed_before / decayed_sum AS decay_before,
        if(p = n OR decay_until > 1 - 1e-12, ticks, toInt64(round(ticks * decay_until)))
            - if(p > 1 AND decay_before > 1 - 1e-12, ticks, toInt64(round(ticks * decay_before))) AS t_decay
    FROM
    (
        SELECT
            *,
            length(channels) AS n,
            greatest(arrayLastIndex(c -> c != 'Direct', channels), 0) AS last_named,
            if(last_named = 0, n, last_named) AS non_direct,
            toFloat64({position_first:Float64}) AS w_first, toFloat64({position_middle:Float64}) AS w_middle, toFloat64({position_last:Float64}) AS w_last,
            if(w_first + w_last = 0, 0.5, w_first / (w_first + w_last)) AS pair_first,
            w_first / (w_first + w_middle + w_last) AS share_first,
            w_last / (w_first + w_middle + w_last) AS share_last,
            if(n < 3, 0., w_middle / (w_first + w_middle + w_last) / (toInt64(n) - 2)) AS share_middle,
            -- relative to the last touch: the same shares as relative to the conversion, and never all zero
            arrayMap(t -> if({model:String} IN ('', 'time_decay'), exp2((t - touch_ms[-1]) / 1000 / {half_life_s:Float64}), 1.), touch_ms) AS weights,
            arrayCumSum(weights) AS weight_sums,
            weight_sums[-1] AS decayed_sum
        FROM attribution_paths({{window}})
        WHERE {model:String} IN ('', 'first', 'last', 'last_non_direct', 'linear', 'position', 'time_decay')
    )
    ARRAY JOIN
        channels AS channel, nodes AS node, sources AS source, mediums AS medium, campaigns AS campaign, kinds AS kind,
        touchpoint_ids AS touchpoint_id, positions AS position,
        arrayEnumerate(channels) AS p,
        weights AS decayed, weight_sums AS decayed_until, arrayShiftRight(weight_sums, 1, 0.) AS decayed_before
)
ARRAY JOIN
    if({model:String} = '', ['first', 'last', 'last_non_direct', 'linear', 'position', 'time_decay'], [{model:String}]) AS model,
    if({model:String} = '', [c_first, c_last, c_non_direct, c_linear, c_position, c_decay], [multiIf(
        {model:String} = 'first', c_first, {model:String} = 'last', c_last, {model:String} = 'last_non_direct', c_non_direct,
        {model:String} = 'linear', c_linear, {model:String} = 'position', c_position, c_decay)]) AS credit,
    if({model:String} = '', [t_first, t_last, t_non_direct, t_linear, t_position, t_decay], [multiIf(
        {model:String} = 'first', t_first, {model:String} = 'last', t_last, {model:String} = 'last_non_direct', t_non_direct,
        {model:String} = 'linear', t_linear, {model:String} = 'position', t_position, t_decay)]) AS tick;

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
    WHERE last_touch_at >= {since:DateTime64(3, 'UTC')} AND last_touch_at < {until:DateTime64(3, 'UTC')} AND {conversion:String} != '-'
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
    -- where nobody has converted yet, no channel has a share
    if(sum(e.effect) OVER (PARTITION BY e.site, e.model) AS all_effects = 0, 0., e.effect / all_effects) AS share,
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
SELECT * FROM attribution_positional(model = {model:String}, {{model}})
UNION ALL
-- a model that is not asked for is asked of nothing, or its effects would be worked out all the same
SELECT * FROM attribution_by_markov({{window_of_markov}}) WHERE {model:String} IN ('', 'markov')
UNION ALL
SELECT * FROM attribution_by_shapley({{window_of_shapley}}) WHERE {model:String} IN ('', 'shapley');

CREATE OR REPLACE VIEW v_attribution AS
SELECT * FROM attribution(model = '', {{defaults}});

-- The six models that go by position. Where only these are wanted, this is the quicker view: it works out no effects of channels.
CREATE OR REPLACE VIEW v_attribution_positional AS
SELECT * FROM attribution_positional(model = '', {{defaults}});

-- The same with what differs from the defaults, as JSON: attribution_with(options = '{"model": "time_decay", "half_life_s": 86400}').
CREATE OR REPLACE VIEW attribution_with AS
SELECT * FROM attribution(model = JSONExtractString({options:String}, 'model'), {{options}})
-- What is misspelled would be left out in silence, and all models be added up. (A subquery is asked even where there are no rows.)
WHERE
(
    SELECT throwIf(NOT isValidJSON({options:String}) OR JSONType({options:String}) != 'Object', 'attribution_with: options are a JSON object')
        + throwIf(NOT hasAll({{known_options}}, JSONExtractKeys({options:String})), 'attribution_with: an unknown option; known are {{names_of_options}}')
        + throwIf(NOT has({{known_models}}, JSONExtractString({options:String}, 'model')), 'attribution_with: an unknown model; known are {{names_of_models}}')
        + throwIf(NOT has({{known_transforms}}, JSONExtractString({options:String}, 'transform')),
            'attribution_with: an unknown transform; known are {{names_of_transforms}}')
        -- what is no number would be read as 0, that is as the look-back of the rules
        + throwIf(JSONHas({options:String}, 'lookback_s')
            AND (JSONType({options:String}, 'lookback_s') NOT IN ('Int64', 'UInt64') OR JSONExtractInt({options:String}, 'lookback_s') < 0),
            'attribution_with: lookback_s is a whole number of seconds, 0 or more')
        + throwIf(JSONHas({options:String}, 'half_life_s')
            AND (JSONType({options:String}, 'half_life_s') NOT IN ('Int64', 'UInt64', 'Double') OR JSONExtractFloat({options:String}, 'half_life_s') <= 0),
            'attribution_with: half_life_s is a number of seconds above 0')
        + throwIf(arrayExists(w -> JSONHas({options:String}, w) AND (JSONType({options:String}, w) NOT IN ('Int64', 'UInt64', 'Double')
                OR JSONExtractFloat({options:String}, w) < 0), ['position_first', 'position_middle', 'position_last'])
            OR arrayAll(w -> JSONHas({options:String}, w) AND JSONExtractFloat({options:String}, w) = 0,
                ['position_first', 'position_middle', 'position_last']),
            'attribution_with: position_first, position_middle and position_last are numbers, 0 or more and not all 0')
) = 0;

CREATE OR REPLACE VIEW v_channel_effects AS
SELECT * FROM channel_effects(model = '', {{always}});
