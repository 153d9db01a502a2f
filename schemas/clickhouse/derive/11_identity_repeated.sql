-- Events found to repeat others are no evidence any more: what they linked is to be resolved again.
INSERT INTO {{scratch}}.reached
WITH
    repeated AS
    (
        SELECT DISTINCT other_type, other_value, id_type, id_value, site, log_gen, log_part, log_off
        FROM identity_links
        WHERE (site, id_type, id_value) IN (SELECT site, {{subject_type}}, {{subject_value}} FROM {{scratch}}.event_duplicates)
            AND (log_gen, log_part, log_off) IN (SELECT log_gen, log_part, log_off FROM {{scratch}}.event_duplicates)
            AND NOT {{accounted_for}}
    )
SELECT site, id_type, id_value FROM repeated
UNION DISTINCT
SELECT site, other_type, other_value FROM repeated WHERE other_type != ''
UNION DISTINCT
-- a second identifier is paired with others than the subject
SELECT site, other_type, other_value
FROM identity_links
WHERE (site, id_type, id_value) IN (SELECT site, other_type, other_value FROM repeated) AND other_type != ''
    AND (log_gen, log_part, log_off) IN (SELECT log_gen, log_part, log_off FROM repeated);
