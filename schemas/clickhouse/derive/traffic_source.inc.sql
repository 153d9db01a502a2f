-- Included where a touch is classified. From `listed` (utm_*, click_id_type, referrer_host, url_host) to source, medium
-- and the category of the source, in this order of trust: what the link says of itself, the click id, the referrer, nothing.
-- A host is looked up as it stands, then as its registrable domain, then by its name under any suffix (google.*).
SELECT
    named.*,
    multiIf(by_key.category != '', by_key.category, by_domain.category != '', by_domain.category, by_name.category) AS category,
    multiIf(
        utm_source != '', utm_source,
        utm_medium != '', '(not set)',
        click_source != '', click_source,
        external, multiIf(by_key.source != '', by_key.source, by_domain.source != '', by_domain.source, by_name.source != '', by_name.source, referrer_host),
        '(direct)') AS source,
    multiIf(
        utm_medium != '', utm_medium,
        utm_source != '', '(not set)',
        click_medium != '', click_medium,
        external, transform(category, ['search', 'social', 'community', 'video', 'email', 'ai', 'shopping'],
            ['organic', 'social', 'social', 'referral', 'email', 'ai-assistant', 'referral'], 'referral'),
        '(none)') AS medium
FROM
(
    SELECT
        *,
        {{click_source}} AS click_source,
        {{click_medium}} AS click_medium,
        -- a referrer of the page's own registrable domain is no source
        referrer_host != '' AND cutToFirstSignificantSubdomain(concat('https://', toString(referrer_host))) != cutToFirstSignificantSubdomain(concat('https://', toString(url_host)))
            AND referrer_host != url_host AS external,
        lower(multiIf(utm_source != '', toString(utm_source), click_source != '', click_source, external, toString(referrer_host), '')) AS source_key,
        concat('https://', source_key) AS source_url
    FROM listed
) AS named
LEFT ANY JOIN referrer_hosts AS by_key ON by_key.host = named.source_key
LEFT ANY JOIN referrer_hosts AS by_domain ON by_domain.host = cutToFirstSignificantSubdomain(named.source_url)
LEFT ANY JOIN referrer_hosts AS by_name ON by_name.host = concat(firstSignificantSubdomain(named.source_url), '.*')
