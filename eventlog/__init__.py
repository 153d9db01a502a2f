"""The road between collector and consumers: a durable, partitioned, append-only log."""
