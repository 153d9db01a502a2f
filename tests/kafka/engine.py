"""A ClickHouse server for tests: the embedded engine behind its HTTP front, writable. `python engine.py FOLDER PORT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from consumers.warehouse.embedded import open_embedded
from consumers.warehouse.front import create_front
from consumers.warehouse.front_access import FrontAccess
from consumers.warehouse.front_serving import serve_front


async def main(folder: Path, port: int) -> None:
    engine = await open_embedded(folder, "netiv")
    front = create_front(engine, FrontAccess(user="owner", password="secret", writable=True))
    async with serve_front(front, "127.0.0.1", port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
