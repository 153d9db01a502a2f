"""`netiv report bad`: what could not be understood, by site, dialect, code and sender."""

from __future__ import annotations

from netiv.commands import options

SQL = """
SELECT site, dialect, code, pointer, if(user_agent = '', '(server)', substring(user_agent, 1, 60)) AS sender, count() AS events,
    toString(min(received_at)) AS first, toString(max(received_at)) AS last, substring(any(payload), 1, 120) AS example
FROM bad_events FINAL
WHERE ({site:String} = '' OR site = {site:String})
    AND (log_gen, log_part, log_off) NOT IN (SELECT log_gen, log_part, log_off FROM bad_events_mended)
GROUP BY site, dialect, code, pointer, sender
ORDER BY events DESC, site, dialect, code, pointer, sender
LIMIT {limit:UInt32}
"""


def bad(
    site: str = options.SITE,
    limit: int = options.LIMIT,
    clickhouse_url: str | None = options.CLICKHOUSE_URL,
    json: bool = options.JSON,
    csv: bool = options.CSV,
) -> None:
    """Bad events by site, dialect, code, place and sender, with how to mend them. `netiv replay` enters them again;
    what it mended is not listed.

    Example:

    \b
      netiv report bad --site shop
    """
    from netiv import clickhouse, configuration
    from netiv.output import Table
    from netiv.report_run import display, require_site
    from netiv.reports import limited
    from schemas.rejection import CODES

    settings = configuration.load()
    warehouse = clickhouse.of(settings, clickhouse_url)
    require_site(warehouse, settings, site)
    result = warehouse.query(SQL, {"site": site, "limit": limit + 1})
    warehouse.close()
    code = result.columns.index("code")
    rows = [[*row, CODES[row[code]][1] if row[code] in CODES else ""] for row in result.rows]
    table = limited(Table("Bad events", [*result.columns, "cure"], rows), limit)
    display(table, "json" if json else "csv" if csv else "")
