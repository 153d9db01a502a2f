-- The touchpoints of concerned persons who may have converted, in order, with all that paths tell of them. They do not depend on
-- conversions, so both are derived beside each other. `arraySort` is not for looks: groupArray promises no order.
INSERT INTO {{scratch}}.steps
SELECT
    site,
    person_id,
    arraySort(groupArray((
        ts, touchpoint_id, channel, node, source, medium, campaign, kind,
        -- 9. the visitor's device
        if(startsWith(subject, '~'), 0, sipHash64(subject)),
        -- 10. epoch ms until when it counts
        toUnixTimestamp64Milli(ts) + {{lookback_ms}}
    ))) AS steps
FROM {{derived}}.touchpoints FINAL
WHERE (site, person_id) IN ({{converted_persons}})
    AND (site, subject) IN (SELECT site, subject FROM {{scratch}}.their_subjects)
GROUP BY site, person_id;
