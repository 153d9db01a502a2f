"""Re-derive dirty keys from facts: the same SQL for the stream, for a rebuild and for a repair."""
