-- Joins to touches `t` the visit of their visitor that the client gave the id which a server names, the last begun by then: `n`. Visits from
-- before the bound can't have changed.
ASOF LEFT JOIN
(
    SELECT site, subject, client_session, started_at, session_id
    FROM
    (
        SELECT site, subject, started_at, session_id, client_sessions
        FROM {{scratch}}.sessions
        UNION ALL
        SELECT site, subject, started_at, session_id, client_sessions
        FROM {{derived}}.sessions FINAL
        WHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.touches WHERE client_session != '') AND NOT ({{session_in_bound}})
    )
    ARRAY JOIN client_sessions AS client_session
) AS n ON n.site = t.site AND n.subject = t.subject AND n.client_session = t.client_session AND n.started_at <= t.ts
