-- Weaker identifiers are to be resolved again; those that connect nobody have events of their own that name the changed one.
INSERT INTO {{scratch}}.reached
SELECT DISTINCT site, other_type, other_value
FROM identity_links
WHERE (site, id_type, id_value) IN (SELECT site, id_type, id_value FROM {{scratch}}.changed)
    AND kind NOT IN ('mention', 'logout') AND {{level_of_other}} > {{level_of_id}};
