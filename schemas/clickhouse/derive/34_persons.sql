-- Whom the touches, conversions and shown stages of the dirty subjects name.
INSERT INTO {{scratch}}.candidates
SELECT site, subject, event_id, toUnixTimestamp64Milli(ts) AS ts_ms, log_gen, log_part, log_off, arrayJoin({{candidates}}) AS candidate
FROM {{dirty_events}}
WHERE type = 'touch' OR {{is_refund}} OR {{is_conversion}} OR {{is_stage_event}};

INSERT INTO {{scratch}}.persons
{{event_persons}};
