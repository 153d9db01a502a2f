"""HTTP in, log out. Never imports `consumers`."""
