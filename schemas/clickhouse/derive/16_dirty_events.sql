-- The events that matter, once, where they are few among many: each further step would look through the whole table for them. Only the
-- columns that some step names.
-- Of subjects with a bound only what came since the oldest bound can matter (no event is later than its arrival, but for
-- the little that a clock may be ahead), so older parts of the table are not opened.
INSERT INTO {{scratch}}.dirty_events ({{event_columns}})
SELECT {{event_columns}}
FROM events
PREWHERE received_at >= fromUnixTimestamp64Milli({oldest:Int64} - {ahead_ms:Int64}, 'UTC')
    AND subject IN (SELECT subject FROM {{scratch}}.bounds WHERE bound > 0) AND {{event_in_bound}}
WHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.bounds WHERE bound > 0) AND {{not_duplicate}};

INSERT INTO {{scratch}}.dirty_events ({{event_columns}})
SELECT {{event_columns}}
FROM events
PREWHERE subject IN (SELECT subject FROM {{scratch}}.bounds WHERE bound <= 0)
WHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.bounds WHERE bound <= 0) AND {{not_duplicate}};
