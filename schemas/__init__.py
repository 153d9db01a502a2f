"""What every stage agrees on: events, records, rejections, sites, settings, rules and SQL. Pure: no I/O, no clock."""
