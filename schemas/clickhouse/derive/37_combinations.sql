-- Where visits and touches may have come from, as far as no refresh under these rules has seen it: combinations are few where visits
-- are many, and the same come again and again.
INSERT INTO {{scratch}}.combinations
SELECT DISTINCT source_key, site, utm_source, utm_medium, utm_campaign, click_id_type, referrer_host, url_host, kind, landing_path
FROM {{scratch}}.visits
WHERE source_key NOT IN (SELECT source_key FROM {{scratch}}.sources)
UNION DISTINCT
SELECT DISTINCT source_key, site, utm_source, utm_medium, utm_campaign, click_id_type, referrer_host, url_host, kind, landing_path
FROM {{scratch}}.touches
WHERE source_key NOT IN (SELECT source_key FROM {{scratch}}.sources);
