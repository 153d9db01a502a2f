-- Joins to reports `c` the sessions of their persons that may be theirs: `n`, those that a client gave the id which the report names, and
-- `s`, the last one begun by then. `session_of_report` says which it is.
LEFT ANY JOIN
(
    SELECT site, person_id, client_session, arraySort(groupArray((started_at, session_id))) AS visits
    FROM {{derived}}.sessions FINAL
    ARRAY JOIN client_sessions AS client_session
    WHERE (site, subject) IN
    (
        SELECT site, subject
        FROM {{derived}}.person_subjects
        WHERE (site, person_id) IN (SELECT site, person_id FROM {{reports}} WHERE client_session != '')
    )
    GROUP BY site, person_id, client_session
) AS n ON n.site = c.site AND n.person_id = c.person_id AND n.client_session = c.client_session
ASOF LEFT JOIN
(
    SELECT site, person_id, started_at, argMax(sessions.ended_at, sessions.session_id) AS ended_at, max(sessions.session_id) AS session_id
    FROM {{derived}}.sessions FINAL
    WHERE (site, subject) IN
    (
        SELECT site, subject
        FROM {{derived}}.person_subjects
        WHERE (site, person_id) IN (SELECT site, person_id FROM {{reports}} WHERE own_session = 0)
    )
    GROUP BY site, person_id, started_at
) AS s ON s.site = c.site AND s.person_id = c.person_id AND s.started_at <= c.ts
