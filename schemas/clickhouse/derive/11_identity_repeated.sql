-- Events found to repeat others are no evidence any more: what they linked is to be resolved again. Whatever an event names is paired
-- with its subject, so the subject's links tell all of it.
INSERT INTO {{scratch}}.reached
WITH
    repeated AS
    (
        SELECT DISTINCT other_type, other_value, id_type, id_value, site
        FROM identity_links
        WHERE (site, id_type, id_value) IN (SELECT site, {{subject_type}}, {{subject_value}} FROM {{scratch}}.event_duplicates)
            AND (log_gen, log_part, log_off) IN (SELECT log_gen, log_part, log_off FROM {{scratch}}.event_duplicates)
            AND NOT {{accounted_for}}
    )
SELECT site, id_type, id_value FROM repeated
UNION DISTINCT
SELECT site, other_type, other_value FROM repeated WHERE other_type != '';
