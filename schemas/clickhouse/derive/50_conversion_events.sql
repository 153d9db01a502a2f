-- The reports with the session of their visitor that is running, if one is.
INSERT INTO {{scratch}}.conversion_events
SELECT r.* REPLACE (if(s.ended_at + toIntervalMillisecond({gap_ms:Int64}) >= r.ts, s.session_id, 0) AS session_id)
FROM {{scratch}}.reports AS r
ASOF LEFT JOIN (SELECT site, subject, started_at, ended_at, session_id FROM {{scratch}}.sessions) AS s
    ON s.site = r.site AND s.subject = r.subject AND s.started_at <= r.ts;
