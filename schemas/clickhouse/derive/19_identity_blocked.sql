-- The blocked values among all that was looked at.
INSERT INTO {{scratch}}.identity_quarantine
SELECT site, id_type, id_value, 'blocked' AS rule, '' AS event_id, 'the value is on the list of blocked values' AS evidence,
    toDateTime64(0, 3, 'UTC') AS first_seen, {version:UInt64} AS version, 0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM {{scratch}}.judged
WHERE blocked AND
(
    -- somebody still says it: in a link, or alone (the last key is what an event is filed under)
    (site, id_type, id_value) IN
    (
        SELECT site, id_type, id_value
        FROM identity_links
        WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.judged WHERE blocked)
    )
    OR (site, {{keys_of_id}}[-1]) IN
    (
        SELECT site, subject
        FROM events
        WHERE (site, subject) IN (SELECT site, {{keys_of_id}}[-1] FROM {{scratch}}.judged WHERE blocked)
    )
);
