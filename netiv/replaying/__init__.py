"""`netiv replay`: bad events, mended, as the records they should have been."""
