"""Real clients of other systems, unmodified, against a live stack."""
