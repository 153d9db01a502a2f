-- Costs beside credits. Amounts are turned into one currency by the rates of their day (the latest rate at or before it, else
-- the earliest there is); without a rate an amount keeps its own currency and a row of its own.

CREATE OR REPLACE VIEW v_currency_rates AS
SELECT base, currency, day, rate FROM currency_rates FINAL
UNION ALL
SELECT base, currency, toDate('1970-01-01') AS day, argMin(currency_rates.rate, currency_rates.day) AS rate
FROM currency_rates FINAL
GROUP BY base, currency;

-- Of each account's day the newest statement holds. A row without a channel gets that of the channel rules.
CREATE OR REPLACE VIEW v_ad_costs AS
SELECT
    c.site AS site, c.cost_id AS cost_id, c.day AS day, c.account AS account,
    toLowCardinality(if(c.own_channel != '', c.own_channel, (c.class).1)) AS channel,
    c.own_source AS source, c.own_medium AS medium, c.utm_campaign AS campaign, c.cost AS cost, c.currency AS currency,
    c.impressions AS impressions, c.clicks AS clicks
FROM
(
    SELECT *, {{channel}} AS class
    FROM
    (
        SELECT
            a.*,
            toString(a.own_source) AS source, toString(a.own_medium) AS medium, 'click' AS kind, '' AS click_id_type,
            '' AS referrer_host, '' AS landing_path,
            multiIf(by_key.category != '', by_key.category, by_domain.category != '', by_domain.category, by_name.category) AS category
        FROM
        (
            SELECT
                site, cost_id, day, account, toString(ad_costs.channel) AS own_channel, ad_costs.source AS own_source,
                ad_costs.medium AS own_medium, campaign AS utm_campaign, cost, currency, impressions, clicks,
                lower(toString(ad_costs.source)) AS host_key, concat('https://', host_key) AS host_url
            FROM ad_costs FINAL
            WHERE account = '' OR (site, account, day, received_at, log_gen, log_part, log_off) IN
            (
                SELECT site, account, day, newest.1, newest.2, newest.3, newest.4
                FROM
                (
                    SELECT site, account, day, max((received_at, log_gen, log_part, log_off)) AS newest
                    FROM ad_costs
                    WHERE account != ''
                    GROUP BY site, account, day
                )
            )
        ) AS a
        LEFT ANY JOIN referrer_hosts AS by_key ON by_key.host = a.host_key
        LEFT ANY JOIN referrer_hosts AS by_domain ON by_domain.host = cutToFirstSignificantSubdomain(a.host_url)
        LEFT ANY JOIN referrer_hosts AS by_name ON by_name.host = concat(firstSignificantSubdomain(a.host_url), '.*')
    )
) AS c;

-- Credits and spend per dimension, site, model, key and currency. Parameters: `by` (channel, campaign, source, node, stage; or
-- several, comma-separated, but for stage: all from one working out of the credits), `currency`
-- ('' = as they are), `effects` ('' = worked out here, else see attribution_by_given), and those of `attribution`.
CREATE OR REPLACE VIEW return_on_spend AS
SELECT
    dimension, site, model, key, conversions, value, currency, spend, impressions, clicks,
    if(conversions > 0 AND spend > 0, toFloat64(spend) / conversions, NULL) AS cpa,
    if(spend > 0, toFloat64(value) / toFloat64(spend), NULL) AS roas
FROM
(
    SELECT
        dimension, site, model, key, money.1 AS currency, sum(credits) AS conversions, toDecimal64(sum(money.2), 4) AS value,
        toDecimal64(sum(money.3), 4) AS spend, sum(shown) AS impressions, sum(clicked) AS clicks
    FROM
    (
        SELECT
            a.dimension AS dimension, a.site AS site, a.model AS model, a.key AS key, a.credits AS credits, a.shown AS shown, a.clicked AS clicked,
            multiIf(
                {currency:String} = '' OR a.currency = {currency:String}, (toString(a.currency), toFloat64(a.earned), toFloat64(a.spent)),
                r.rate > 0, ({currency:String}, toFloat64(a.earned) * r.rate, toFloat64(a.spent) * r.rate),
                (toString(a.currency), toFloat64(a.earned), toFloat64(a.spent))) AS money
        FROM
        (
            SELECT
                arrayJoin(splitByChar(',', {by:String})) AS dimension,
                c.site AS site, c.model AS model, toDate(c.converted_at) AS day, toString(c.currency) AS currency,
                multiIf(dimension = 'campaign', toString(c.campaign), dimension = 'source', toString(c.source),
                    dimension = 'node', toString(c.node), dimension = 'stage', ifNull(s.stage, ''), toString(c.channel)) AS key,
                sum(c.credit) AS credits, sum(c.value) AS earned, toDecimal128(0, 4) AS spent, toUInt64(0) AS shown, toUInt64(0) AS clicked
            FROM
            (
                SELECT * FROM attribution(model = {model:String}, {{model}}) WHERE {effects:String} = ''
                UNION ALL
                SELECT * FROM attribution_by_given(effects = {effects:String}, {{window}}) WHERE {effects:String} != ''
            ) AS c
            LEFT ANY JOIN
            (
                SELECT e.site AS site, e.touchpoint_id AS touchpoint_id, stages.2 AS stage
                FROM
                (
                    SELECT site, touchpoint_id, max(position) AS position
                    FROM v_stage_evidence
                    WHERE {by:String} = 'stage' AND touchpoint_id != 0 AND stage_model = {{first_stage_model}}
                    GROUP BY site, touchpoint_id
                ) AS e
                INNER JOIN (SELECT arrayJoin({{all_stages}}) AS stages) AS l
                    ON stages.1 = {{first_stage_model}} AND stages.3 = e.position
            ) AS s ON s.site = c.site AND s.touchpoint_id = c.touchpoint_id
            GROUP BY dimension, site, model, day, currency, key
            UNION ALL
            SELECT
                arrayJoin(splitByChar(',', {by:String})) AS dimension,
                k.site AS site, m.model AS model, k.day AS day, toString(k.currency) AS currency,
                multiIf(dimension = 'campaign', toString(k.campaign), dimension = 'source', toString(k.source),
                    dimension = 'node', ifNull(n.node, ''), toString(k.channel)) AS key,
                toFloat64(0) AS credits, toDecimal128(0, 4) AS earned, sum(k.cost) AS spent, sum(k.impressions) AS shown, sum(k.clicks) AS clicked
            FROM v_ad_costs AS k
            CROSS JOIN
            (
                SELECT arrayJoin(if({model:String} = '',
                    ['first', 'last', 'last_non_direct', 'linear', 'position', 'time_decay', 'markov', 'shapley'], [{model:String}])) AS model
            ) AS m
            LEFT ANY JOIN (SELECT channel, toString(any(node)) AS node FROM channel_rules GROUP BY channel) AS n ON n.channel = k.channel
            WHERE {by:String} != 'stage' AND toDateTime64(k.day, 3, 'UTC') >= toStartOfDay({since:DateTime64(3, 'UTC')})
                AND toDateTime64(k.day, 3, 'UTC') < {until:DateTime64(3, 'UTC')}
            GROUP BY dimension, site, model, day, currency, key
        ) AS a
        ASOF LEFT JOIN (SELECT * FROM v_currency_rates WHERE base = {currency:String}) AS r ON r.currency = a.currency AND r.day <= a.day
    )
    GROUP BY dimension, site, model, key, currency
);

-- Per channel and per campaign, under the defaults, each amount in its own currency.
CREATE OR REPLACE VIEW v_return_on_spend AS
SELECT * FROM return_on_spend(by = 'channel,campaign', currency = '', effects = '', model = '', {{defaults}});
