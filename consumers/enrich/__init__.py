"""From a log record to a row of facts: an ordered list of named pure steps."""
