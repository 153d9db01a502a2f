"""ClickHouse: a server over HTTP, or the embedded engine in this process."""
