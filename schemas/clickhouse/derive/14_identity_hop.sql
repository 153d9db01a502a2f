-- One hop further; and whoever was of one group with those of this hop, so that a long chain that is known already is no walk along
-- it link by link. (Who belongs to them no more costs a look, as does an outdated row.) Of its two names of a group each row has one at most.
INSERT INTO {{scratch}}.members
SELECT DISTINCT site, other_type, other_value, {hop:UInt32} AS hop
FROM {{scratch}}.edges
WHERE (site, other_type, other_value) NOT IN (SELECT site, id_type, id_value FROM {{scratch}}.members)
UNION DISTINCT
SELECT site, id_type, id_value, {hop:UInt32}
FROM {{derived}}.identity_owners
WHERE (device_group != '' OR wide_group != '') AND (site, concat(device_group, wide_group)) IN
(
    SELECT site, concat(device_group, wide_group)
    FROM {{derived}}.identity_owners
    WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.members WHERE hop = {hop:UInt32} - 1)
)
    AND (site, id_type, id_value) NOT IN (SELECT site, id_type, id_value FROM {{scratch}}.members);
