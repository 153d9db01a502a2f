-- What the links of these levels' identifiers say: identifications by stronger ones, and log-outs.
INSERT INTO {{scratch}}.claims
SELECT
    l.site AS site,
    if(g.label != '', g.label, concat(l.id_type, ':', l.id_value)) AS holder,
    l.subject AS subject, l.event_id AS event_id, toUnixTimestamp64Milli(l.ts) AS ts_ms, l.kind = 'logout' AS left,
    l.other_type AS other_type, l.other_value AS other_value, l.level_other AS level_other
FROM
(
    SELECT *, {{level_of_other}} AS level_other
    FROM identity_links
    WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.todo WHERE level BETWEEN {strongest:UInt8} AND {weakest:UInt8} AND round > {done:UInt32})
        AND (site, id_type, id_value) NOT IN (SELECT site, id_type, id_value FROM {{scratch}}.degrees WHERE suppressed)
        AND if(kind = 'logout', {{level_of_id}} = {{device_level}}, level_other < {{level_of_id}})
        AND {{link_stands}}
) AS l
LEFT ANY JOIN {{scratch}}.groups AS g ON g.site = l.site AND g.id_type = l.id_type AND g.id_value = l.id_value;
