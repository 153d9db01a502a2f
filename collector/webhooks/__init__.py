"""Signed calls of other systems: verified, decoded to canonical events, answered once they are durable."""
