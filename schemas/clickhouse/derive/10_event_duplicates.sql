-- Which facts repeat an event already known: same (site, event_id) of one subject; the earliest received wins, then
-- the earlier log position. Subjects without a repeated id, nearly all, cost one narrow pass.
INSERT INTO {{scratch}}.event_duplicates
WITH repeating AS
(
    SELECT site, subject
    FROM events
    -- by one text first: each row is looked for in a set of pairs at seven times the cost
    WHERE subject IN (SELECT subject FROM {{scratch}}.dirty_subjects)
        AND (site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects)
    GROUP BY site, subject
    HAVING length(arrayDistinct(groupArray(sipHash64(event_id)))) < count()
)
SELECT
    site,
    subject,
    event_id,
    copy.2 AS log_gen,
    copy.3 AS log_part,
    copy.4 AS log_off,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM
(
    SELECT site, subject, event_id, arraySort(groupArray((received_at, log_gen, log_part, log_off))) AS copies
    FROM events
    WHERE (site, subject) IN (SELECT site, subject FROM repeating)
    GROUP BY site, subject, event_id
    HAVING count() > 1
)
ARRAY JOIN arrayPopFront(copies) AS copy;
