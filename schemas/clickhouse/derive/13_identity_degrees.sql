-- How many others each of them is linked to; beyond the limit of its type it connects nobody. Raw links count, so that
-- neither the order of arrival nor what became of the others matters.
INSERT INTO {{scratch}}.degrees
SELECT
    site, id_type, id_value,
    uniqExactIf((other_type, other_value), other_type != '' AND {{level_of_other}} < {{trace_level}}) AS neighbours,
    neighbours > {{limit_of_id}} AS suppressed,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM identity_links
WHERE id_value IN (SELECT id_value FROM {{scratch}}.todo WHERE round >= {since:UInt32})
    AND (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.todo WHERE round >= {since:UInt32})
    AND (site, id_type, id_value) NOT IN (SELECT site, id_type, id_value FROM {{scratch}}.degrees)
    AND {{link_stands}}
GROUP BY site, id_type, id_value;

-- An identifier that begins or ceases to connect concerns all it is linked to, stronger and weaker.
INSERT INTO {{scratch}}.reached
SELECT DISTINCT site, other_type, other_value
FROM identity_links
WHERE other_type != '' AND NOT {{other_is_blocked}} AND (site, id_type, id_value) IN
(
    SELECT todo.site, todo.id_type, todo.id_value
    FROM (SELECT DISTINCT site, id_type, id_value FROM {{scratch}}.todo WHERE round >= {since:UInt32}) AS todo
    LEFT ANY JOIN {{scratch}}.degrees AS d ON d.site = todo.site AND d.id_type = todo.id_type AND d.id_value = todo.id_value
    LEFT ANY JOIN
    (
        SELECT site, id_type, id_value, suppressed
        FROM {{derived}}.identity_owners FINAL
        WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.todo WHERE round >= {since:UInt32})
    ) AS o ON o.site = todo.site AND o.id_type = todo.id_type AND o.id_value = todo.id_value
    WHERE d.suppressed != o.suppressed
)
AND (site, other_type, other_value) NOT IN (SELECT site, id_type, id_value FROM {{scratch}}.todo);
