"""Log in, tables out. Never imports `collector`."""
