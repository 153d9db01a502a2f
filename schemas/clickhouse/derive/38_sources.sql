-- Where visits and touches came from. Combinations are few where visits are many, so each is classified once a site. From utm_*,
-- click_id_type, referrer_host and url_host to source, medium, the category of the source, channel and node, in this order
-- of trust: what the link says of itself, the click id, the referrer, nothing. A host is looked up as it stands, then as its
-- registrable domain, then by its name under any suffix (google.*).
INSERT INTO {{scratch}}.sources
WITH
    combinations AS
    (
        SELECT DISTINCT source_key, site, utm_source, utm_medium, utm_campaign, click_id_type, referrer_host, url_host, kind, landing_path
        FROM {{scratch}}.visits
        UNION DISTINCT
        SELECT DISTINCT source_key, site, utm_source, utm_medium, utm_campaign, click_id_type, referrer_host, url_host, kind, landing_path
        FROM {{scratch}}.touches
    ),
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
        FROM combinations
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

INSERT INTO {{scratch}}.sessions
SELECT
    v.site AS site,
    v.subject AS subject,
    fromUnixTimestamp64Milli(v.start, 'UTC') AS started_at,
    sipHash64(v.site, v.subject, v.start) AS session_id,
    v.person_id AS person_id,
    fromUnixTimestamp64Milli(v.end, 'UTC') AS ended_at,
    v.count AS events,
    v.pageview AS pageviews,
    v.end - v.start >= 10000 OR v.pageview >= 2 OR v.conversion > 0 AS engaged,
    v.entry_url AS entry_url,
    v.exit_url AS exit_url,
    if(s.external, v.referrer, '') AS referrer,
    s.node AS node,
    s.channel AS channel,
    s.source AS source,
    s.medium AS medium,
    v.utm_campaign AS campaign,
    v.utm_content AS content,
    v.utm_term AS term,
    v.click_id_type AS click_id_type,
    v.country AS country,
    v.device_type AS device_type,
    v.is_bot AS is_bot,
    v.is_bot = 0 AND v.report < v.count AS touches,
    v.continuity AS continuity,
    v.client_sessions AS client_sessions,
    {version:UInt64} AS version,
    0 AS is_deleted, {rules_version:UInt64} AS rules_version
FROM {{scratch}}.visits AS v
LEFT ANY JOIN {{scratch}}.sources AS s ON s.source_key = v.source_key;
