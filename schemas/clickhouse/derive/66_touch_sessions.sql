-- The sessions of the concerned persons' touches without a visitor, found as those of conversions are. (Touches of a visitor carry
-- their session themselves: that depends on the visitor alone.)
INSERT INTO {{scratch}}.lone_touches
SELECT site, person_id, touchpoint_id, ts, client_session, session_id AS own_session
FROM {{derived}}.touchpoints FINAL
WHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.their_subjects WHERE startsWith(subject, '~'))
    AND (site, person_id) IN (SELECT site, person_id FROM {{scratch}}.concerned_persons);

INSERT INTO {{scratch}}.touch_sessions
SELECT
    c.site AS site,
    c.person_id AS person_id,
    c.touchpoint_id AS touchpoint_id,
    {{session_of_report}} AS session_id,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM {{scratch}}.lone_touches AS c
{{sessions_of_touches}}
WHERE session_id != 0;
