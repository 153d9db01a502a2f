"""One file per command. Each imports typer alone at the top, so that `netiv --help` stays fast."""
