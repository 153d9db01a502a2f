-- Where visits and touches came from: each new combination, classified once a site. From utm_*, click_id_type, referrer_host and
-- url_host to source, medium, the category of the source, channel and node, in this order of trust: what the link says of itself,
-- the click id, the referrer, nothing. A host is looked up as it stands, then as its registrable domain, then by its name under
-- any suffix (google.*).
INSERT INTO {{scratch}}.sources
WITH
    named AS
    (
        SELECT
            *,
            {{click_source}} AS click_source,
            {{click_medium}} AS click_medium,
            -- a referrer of the page's own registrable domain is no source, nor is a page that only continues a visit
            referrer_host != '' AND referrer_host != url_host
                AND cutToFirstSignificantSubdomain(concat('https://', toString(referrer_host)))
                    != cutToFirstSignificantSubdomain(concat('https://', toString(url_host)))
                AND NOT {{is_continuing}} AS external,
            lower(multiIf(
                utm_source != '', toString(utm_source),
                click_source != '', click_source,
                external, toString(referrer_host), '')) AS host_key,
            concat('https://', host_key) AS host_url
        FROM {{scratch}}.combinations
    ),
    found AS
    (
        SELECT
            named.*,
            multiIf(by_key.category != '', by_key.category, by_domain.category != '', by_domain.category, by_name.category) AS category,
            multiIf(by_key.source != '', by_key.source, by_domain.source != '', by_domain.source, by_name.source) AS known_source
        FROM named
        LEFT ANY JOIN {{derived}}.referrer_hosts AS by_key ON by_key.host = named.host_key
        LEFT ANY JOIN {{derived}}.referrer_hosts AS by_domain ON by_domain.host = cutToFirstSignificantSubdomain(named.host_url)
        LEFT ANY JOIN {{derived}}.referrer_hosts AS by_name ON by_name.host = concat(firstSignificantSubdomain(named.host_url), '.*')
    ),
    judged AS
    (
        SELECT
            *,
            multiIf(
                utm_source != '', toString(utm_source),
                utm_medium != '', '(not set)',
                click_source != '', click_source,
                external, if(known_source != '', known_source, toString(referrer_host)),
                '(direct)') AS source,
            multiIf(
                utm_medium != '', toString(utm_medium),
                utm_source != '', '(not set)',
                click_medium != '', click_medium,
                external, transform(category, ['search', 'social', 'community', 'email', 'ai'],
                    ['organic', 'social', 'social', 'email', 'ai-assistant'], 'referral'),
                '(none)') AS medium
        FROM found
    )
SELECT source_key, source, medium, category, external, class.1 AS channel, class.2 AS node
FROM (SELECT *, {{channel}} AS class FROM judged);
