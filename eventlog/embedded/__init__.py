"""The embedded backend of the `Log` contract: one SQLite file in one folder, any number of writer processes."""

from eventlog.embedded.log import EmbeddedLog, open_embedded_log

__all__ = ["EmbeddedLog", "open_embedded_log"]
