"""`netiv dev`: real peers for developers."""

from __future__ import annotations

from pathlib import Path

import typer

HELP = """For developers of Netiv: start a real Apache Kafka from Maven artifacts.

Example:

\b
  netiv dev kafka
"""
KAFKA_HELP = """Start Apache Kafka (KRaft) in this terminal; Ctrl-C ends it. Needs Java 17 and Maven.

Examples:

\b
  netiv dev kafka                            one broker on port 9092
  NETIV_KAFKA=127.0.0.1:9092 netiv up        the stack on it

\b
  netiv dev kafka --brokers 3 --data kafka   three brokers on 9092 to 9094, their data kept
"""

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("kafka", help=KAFKA_HELP)
def kafka(
    brokers: int = typer.Option(1, min=1, max=5, help="How many."),
    port: int = typer.Option(9092, help="Port of the first; 0 = free ones."),
    data: Path | None = typer.Option(None, help="Folder to keep the data in.", show_default="a temporary one"),
) -> None:
    """See KAFKA_HELP."""
    import contextlib
    import signal
    import tempfile

    from netiv.dev.broker import Cluster

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="netiv-kafka-")))
        cluster = stack.enter_context(Cluster(folder.resolve(), brokers, port))
        print(f"NETIV_KAFKA={cluster.bootstrap}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    print("Stopped.")
