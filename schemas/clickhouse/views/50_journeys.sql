-- What people ask of journeys; each is also a `netiv report`. One row per site, as fine as it can be summed.

CREATE OR REPLACE VIEW v_top_paths AS
SELECT
    site, toDate(converted_at) AS day, if(empty(path_channels), 'Unattributed', arrayStringConcat(path_channels, ' › ')) AS path, currency,
    count() AS conversions, sum(value) AS revenue, avg(seconds_to_convert) / 86400 AS days_to_convert
FROM conversion_paths FINAL
GROUP BY site, day, path, currency;

-- How many touches paths have.
CREATE OR REPLACE VIEW v_path_lengths AS
SELECT site, toDate(converted_at) AS day, touches, currency, count() AS conversions, sum(value) AS revenue
FROM conversion_paths FINAL
GROUP BY site, day, touches, currency;

-- Whole days from the first touch to the conversion.
CREATE OR REPLACE VIEW v_time_lag AS
SELECT site, toDate(converted_at) AS day, toUInt32(intDiv(toInt64(seconds_to_convert), 86400)) AS days, currency, count() AS conversions, sum(value) AS revenue
FROM conversion_paths FINAL
WHERE touches > 0
GROUP BY site, day, days, currency;

-- Conversions a channel closed (last touch), and those it was part of without closing them.
CREATE OR REPLACE VIEW v_assisted_conversions AS
SELECT
    site, toDate(converted_at) AS day, channel, currency,
    countIf(channel = path_channels[-1]) AS closed, countIf(channel != path_channels[-1]) AS assisted,
    sumIf(value, channel = path_channels[-1]) AS closed_revenue, sumIf(value, channel != path_channels[-1]) AS assisted_revenue
FROM conversion_paths FINAL
ARRAY JOIN arrayDistinct(path_channels) AS channel
GROUP BY site, day, channel, currency;

-- Pairs of channels on one path (each pair once, in alphabetical order; a channel with itself = its conversions).
CREATE OR REPLACE VIEW v_channel_overlap AS
SELECT site, toDate(converted_at) AS day, one AS channel, other AS other_channel, count() AS conversions
FROM
(
    SELECT site, converted_at, arrayJoin(arraySort(arrayDistinct(path_channels))) AS one, arrayJoin(arrayFilter(c -> c >= one, arrayDistinct(path_channels))) AS other
    FROM conversion_paths FINAL
)
GROUP BY site, day, channel, other_channel;

-- A customer is new with the first conversion, returning with every further one.
CREATE OR REPLACE VIEW v_new_and_returning AS
SELECT
    site, toDate(converted_at) AS day, if(number = 1, 'new', 'returning') AS customer, currency,
    count() AS conversions, uniqExact(person_id) AS persons, sum(value) AS revenue
FROM conversion_paths FINAL
GROUP BY site, day, customer, currency;

CREATE OR REPLACE VIEW v_days_to_convert AS
SELECT
    site, if(number = 1, 'new', 'returning') AS customer, count() AS conversions,
    avg(seconds_to_convert) / 86400 AS mean_days, quantileExact(0.5)(seconds_to_convert) / 86400 AS median_days,
    quantileExact(0.9)(seconds_to_convert) / 86400 AS p90_days
FROM conversion_paths FINAL
WHERE touches > 0
GROUP BY site, customer;

CREATE OR REPLACE VIEW v_path_devices AS
SELECT site, toDate(converted_at) AS day, devices, count() AS conversions, sum(value) AS revenue, currency
FROM conversion_paths FINAL
GROUP BY site, day, devices, currency;

-- Persons by the month and channel of their first touch ever, and how many of them converted within how many months.
CREATE OR REPLACE VIEW v_cohorts AS
SELECT
    p.site AS site, p.cohort AS cohort, p.channel AS channel, p.persons AS persons, c.month AS month,
    c.currency AS currency, c.converted AS converted, c.conversions AS conversions, c.revenue AS revenue
FROM
(
    SELECT site, toStartOfMonth(first_at) AS cohort, channel, count() AS persons
    FROM (SELECT site, person_id, min(ts) AS first_at, argMin(channel, (ts, touchpoint_id)) AS channel FROM touchpoints FINAL GROUP BY site, person_id)
    GROUP BY site, cohort, channel
) AS p
LEFT JOIN
(
    SELECT
        f.site AS site, toStartOfMonth(f.first_at) AS cohort, f.channel AS channel, toUInt32(dateDiff('month', f.first_at, k.ts)) AS month,
        k.currency AS currency, uniqExact(k.person_id) AS converted, count() AS conversions, sum(k.value) AS revenue
    FROM (SELECT * FROM conversions FINAL) AS k
    INNER JOIN (SELECT site, person_id, min(ts) AS first_at, argMin(channel, (ts, touchpoint_id)) AS channel FROM touchpoints FINAL GROUP BY site, person_id) AS f
        ON f.site = k.site AND f.person_id = k.person_id
    WHERE k.ts >= f.first_at
    GROUP BY site, cohort, channel, month, currency
) AS c ON c.site = p.site AND c.cohort = p.cohort AND c.channel = p.channel;
