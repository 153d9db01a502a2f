-- From when on the events of each dirty subject matter: nothing before the last silence that comes before its earliest new
-- event can be changed by it, because every session begins anew after a silence. `since` 0 (its owner may have changed, say)
-- and subjects that repeat events are derived as a whole, as are those whose sessions other rules made.
INSERT INTO {{scratch}}.bounds
WITH known AS
(
    SELECT
        site,
        subject,
        arraySort(groupArray((toUnixTimestamp64Milli(started_at), toUnixTimestamp64Milli(ended_at), rules_version = {rules_version:UInt64}))) AS sessions
    FROM {{derived}}.sessions FINAL
    WHERE (site, subject) IN (SELECT site, subject FROM {{scratch}}.dirty_subjects WHERE since > 0)
    GROUP BY site, subject
)
SELECT
    CAST(d.site AS String) AS site,
    d.subject AS subject,
    multiIf(
        d.since <= 0 OR NOT arrayAll(s -> s.3, sessions), 0,
        (d.site, d.subject) IN (SELECT site, subject FROM {{scratch}}.event_duplicates), 0,
        -- the sessions that begin at or before the event; it may belong to the last of them, and what that one remembers of a
        -- campaign to the one before it, and so on up to a silence
        empty(arrayFilter(s -> s.1 <= d.since, sessions) AS before), d.since,
        d.since - before[-1].2 > {quiet_ms:Int64}, d.since,
        arrayLast(
            (start, quiet) -> quiet,
            before.1,
            arrayMap((start, ended) -> start - ended > {quiet_ms:Int64}, before.1, arrayPushFront(arrayPopBack(before.2), toInt64(-1e15)))
        )) AS bound
FROM {{scratch}}.dirty_subjects AS d
LEFT ANY JOIN known ON known.site = d.site AND known.subject = d.subject;

-- The same, to be asked for one subject.
INSERT INTO {{scratch}}.bound_of SELECT * FROM {{scratch}}.bounds WHERE bound > 0;
