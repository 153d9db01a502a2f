"""The spool: a local durable log that takes events while Kafka is away, and gives them back in order."""

from collector.spool.log import SpooledLog, SpoolPolicy
from collector.spool.opening import open_spooled_log

__all__ = ["SpoolPolicy", "SpooledLog", "open_spooled_log"]
