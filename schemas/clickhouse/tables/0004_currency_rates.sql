-- What one unit of a currency is worth in the currency `base`, from a day on. Filled from the rule file currencies.csv.
CREATE TABLE IF NOT EXISTS currency_rates
(
    base      LowCardinality(String),
    currency  LowCardinality(String),
    day       Date,
    rate      Float64
)
ENGINE = ReplacingMergeTree
ORDER BY (base, currency, day);
