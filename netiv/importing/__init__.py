"""`netiv import`: rows of a file as events of the native API."""
