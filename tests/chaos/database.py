"""PostgreSQL as a process of its own: `python -m tests.chaos.database DIR`.

Prints the address when it answers, starts the server again when it is killed, ends with its
standard input.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from clarion.storage.embedded import EmbeddedPostgres


async def keep(server: EmbeddedPostgres) -> None:
    """Until nobody holds our standard input any more."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    watch = asyncio.create_task(server.watch())
    await reader.read()
    watch.cancel()


def main() -> None:
    server = EmbeddedPostgres(Path(sys.argv[1]))
    print(server.start(), flush=True)
    try:
        asyncio.run(keep(server))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
