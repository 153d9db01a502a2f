-- Persons by month and channel of their first touch, and what they brought, month by month after it.
SELECT toString(cohort) AS cohort, channel, sum(c.persons) AS persons, month, sum(c.converted) AS converted, sum(c.conversions) AS conversions,
    toFloat64(sum(c.revenue)) AS revenue, c.currency AS currency
FROM v_cohorts AS c
WHERE ({site:String} = '' OR site = {site:String})
  AND c.cohort >= toDate({since:DateTime64(3, 'UTC')}) AND toDateTime64(c.cohort, 3, 'UTC') < {until:DateTime64(3, 'UTC')}
GROUP BY cohort, channel, month, currency
ORDER BY cohort, persons DESC, channel, month, currency
LIMIT {limit:UInt32}
