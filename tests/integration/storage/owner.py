"""Owns an embedded server until it is told to stop: `python owner.py DATA`. Prints URL and pid."""

import signal
import sys
from pathlib import Path

from clarion.errors import Unavailable
from clarion.storage.embedded import EmbeddedPostgres

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
server = EmbeddedPostgres(Path(sys.argv[1]))
try:
    print(server.start(), server.pid, flush=True)
    signal.pause()
except Unavailable as error:
    sys.exit(error.message)
finally:
    server.stop()
