-- Whom the touches and conversions of the dirty subjects name.
INSERT INTO {{scratch}}.candidates
SELECT site, subject, event_id, toUnixTimestamp64Milli(ts) AS ts_ms, log_gen, log_part, log_off, arrayJoin({{candidates}}) AS candidate
FROM {{dirty_events}}
WHERE type IN ('touch', 'refund') OR {{is_conversion}};

INSERT INTO {{scratch}}.persons
{{event_persons}};
