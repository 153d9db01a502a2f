-- What advertising cost comes through the log, a day of an account at a time; the newest statement about such a day is the
-- one that holds, and `v_ad_costs` shows it. Rows that were put in by hand name no account and all stand.
ALTER TABLE ad_costs ADD COLUMN IF NOT EXISTS account LowCardinality(String) AFTER day;

ALTER TABLE ad_costs ADD COLUMN IF NOT EXISTS log_gen UInt32;

ALTER TABLE ad_costs ADD COLUMN IF NOT EXISTS log_part UInt16;

ALTER TABLE ad_costs ADD COLUMN IF NOT EXISTS log_off UInt64;
