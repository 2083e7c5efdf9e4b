#!/usr/bin/env python3
"""A receiver of Clarion's events, with nothing but Python's standard library.

    CLARION_SECRET=whsec_... python examples/receiver.py --port 9000 --store events.db

It takes in what is signed with the secret (Standard Webhooks), once: an event that comes again is
known by its event-id. An event is answered with 200 when it is committed, never before, so what is
answered is not lost, and what is not answered comes again.

While a secret takes the place of another one give both, with a space between.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_BODY = 1_000_000  # bytes
TOLERANCE = 300  # seconds between the sender's clock and ours; also how old a copied post may be


def is_signed(keys: Sequence[bytes], id: str, timestamp: str, signatures: str, body: bytes) -> bool:
    """Whether one of the signatures is by one of the keys, and is not old.

    The signed text is `id.timestamp.body`, the body byte for byte as it came: never decode it and
    encode it again first.
    """
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    signed = f"{id}.{timestamp}.".encode() + body
    wanted = [
        "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys
    ]
    return any(
        hmac.compare_digest(given.encode(), each.encode())
        for given in signatures.split()
        for each in wanted
    )


class Inbox:
    """Where events are kept, each once."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute(
            "create table if not exists event (id text primary key, key text, body text)"
        )

    def add(self, id: str, key: str, body: str) -> bool:
        """Whether it is new. It is on disk when this returns."""
        with self._lock, self._db:
            added = self._db.execute(
                "insert into event values (?, ?, ?) on conflict do nothing", (id, key, body)
            )
            return added.rowcount == 1


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open: the next event comes sooner
    timeout = 60
    keys: Sequence[bytes] = ()
    inbox: Inbox

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            self._answer(413, "That is too long.")
            return
        body = self.rfile.read(int(length))
        id = self.headers.get("webhook-id", "")
        timestamp = self.headers.get("webhook-timestamp", "")
        signatures = self.headers.get("webhook-signature", "")
        if not is_signed(self.keys, id, timestamp, signatures, body):
            self._answer(401, "The signature is missing, wrong or old.")
            return
        try:
            event = json.loads(body)
            event_id, fields = event["event-id"], event["event"]["fld-val-list"]
        except (ValueError, KeyError, TypeError):
            self._answer(400, "That is no event.")
            return
        if self.inbox.add(event_id, self.headers.get("X-ESS-EVENT-KEY", ""), body.decode()):
            print(event["event"]["evt-tp"], event_id, json.dumps(fields), flush=True)
        self._answer(200, "Thank you.")

    def _answer(self, status: int, words: str) -> None:
        content = words.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Only events are printed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000, help="0: a free one")
    parser.add_argument("--store", default="events.db", help="a file of SQLite")
    options = parser.parse_args()
    secrets = os.environ.get("CLARION_SECRET", "").split()
    if not secrets:
        sys.exit("CLARION_SECRET has to be the secret of the delivery configuration.")
    Receiver.keys = [base64.b64decode(each.removeprefix("whsec_")) for each in secrets]
    Receiver.inbox = Inbox(options.store)
    server = ThreadingHTTPServer((options.host, options.port), Receiver)
    print(f"Listening at http://{options.host}:{server.server_port}", flush=True)
    with suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
