"""Who receives events, in a process of its own: `python -m tests.peers.receiver`.

    with Receiver() as receiver:
        receiver.url("/ok/1"), receiver.url("/hang")
        receiver.requests("/ok/1")

What it does is the first part of a path: see MODES. `receiver.become("/ok/1", "hang")` changes it
for one path. Every request is a line in a file, written before the answer, so that nothing that
was answered is missing from it even when this process is killed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httptools

DRIP_SECONDS = 0.05
HUGE = 8 << 20


@dataclass(frozen=True)
class Request:
    """One that came in, whatever was answered."""

    path: str
    headers: dict[str, str]
    body: str
    at: float
    status: int  # answered, or about to be; 0: none
    link: int  # the connection's number

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def event_id(self) -> str:
        return str(self.event["event-id"])


class Receiver:
    """A running one. Files: `certificate` (with its key) for TLS, `client_authority` for mTLS."""

    def __init__(
        self,
        *,
        certificate: Path | None = None,
        client_authority: Path | None = None,
        journal: Path | None = None,
        port: int = 0,
    ) -> None:
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._arguments = [f"--port={port}"]
        if certificate:
            self._arguments.append(f"--certificate={certificate}")
        if client_authority:
            self._arguments.append(f"--client-authority={client_authority}")
        self._journal = journal
        self._scheme = "https" if certificate else "http"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self._control = 0

    def __enter__(self) -> Receiver:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._directory is not None:
            self._directory.cleanup()

    def start(self) -> None:
        if self._journal is None:
            self._directory = tempfile.TemporaryDirectory(prefix="receiver-")
            self._journal = Path(self._directory.name) / "requests"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.peers.receiver", f"--journal={self._journal}",
             *self._arguments],
            stdin=subprocess.PIPE,  # it ends with it, so it never outlives a test run
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the receiver did not start")
        self.port, self._control = map(int, line.split())
        self._arguments[0] = f"--port={self.port}"  # should it be started again

    def stop(self) -> None:
        """As one that is killed."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def requests(self, path: str = "") -> list[Request]:
        """Those of a path, or all; in the order in which they came."""
        assert self._journal is not None
        if not self._journal.exists():
            return []
        lines = self._journal.read_bytes().split(b"\n")
        found = [Request(**json.loads(line)) for line in lines[:-1] if line]
        return [each for each in found if not path or each.path == path]

    def become(self, path: str, mode: str) -> None:
        """From now on a path behaves as if it began with `mode`, such as "hang" or "status/404"."""
        self._tell("/become", {"path": path, "mode": mode})

    def revoke(self) -> None:
        """No token that was given is good any more."""
        self._tell("/revoke", {})

    def _tell(self, path: str, what: object) -> None:
        url = f"http://127.0.0.1:{self._control}{path}"
        body = json.dumps(what).encode()
        with urllib.request.urlopen(urllib.request.Request(url, body, method="POST")) as answer:
            answer.read()


# ---------------------------------------------------------------- the process


@dataclass
class World:
    journal: int  # a file
    modes: dict[str, str] = field(default_factory=dict)
    tokens: int = 0
    revoked: int = 0
    links: int = 0
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    certain: random.Random = field(default_factory=random.Random)


class Connection(asyncio.Protocol):
    """One connection: requests one after another."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._drip: asyncio.TimerHandle | None = None
        world.links += 1
        self._number = world.links

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        if self._drip is not None:
            self._drip.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._headers, self._body = "", {}, b""

    def on_url(self, url: bytes) -> None:
        self._path += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        mode = self._world.modes.get(self._path, self._path.strip("/"))
        name, _, argument = mode.partition("/")
        MODES.get(name, ok)(self, argument)

    # ------------------------------------------------------------ what modes use

    def note(self, status: int) -> None:

        record = {
            "path": self._path,
            "headers": self._headers,
            "body": self._body.decode(),
            "at": time.time(),
            "status": status,
            "link": self._number,
        }
        os.write(self._world.journal, json.dumps(record).encode() + b"\n")

    def answer(self, status: int, text: str = "", *headers: str) -> None:
        self.note(status)
        self.write(_head(status, len(text), *headers) + text.encode())

    def write(self, raw: bytes) -> None:
        assert self._transport is not None
        self._transport.write(raw)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def drip(self, raw: bytes) -> None:
        """A byte now and then."""
        self.write(raw[:1])
        if raw[1:]:
            loop = asyncio.get_running_loop()
            self._drip = loop.call_later(DRIP_SECONDS, self.drip, raw[1:])

    @property
    def world(self) -> World:
        return self._world

    @property
    def headers(self) -> dict[str, str]:
        return self._headers

    @property
    def path(self) -> str:
        return self._path

    def event_id(self) -> str:
        return str(json.loads(self._body)["event-id"])


def _head(status: int, length: int | None, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Words", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def ok(link: Connection, _: str) -> None:
    link.answer(200, "Hello World")


def status(link: Connection, argument: str) -> None:
    link.answer(int(argument), "" if argument == "204" else f"status {argument}")


def no_token(link: Connection, error: str) -> None:
    link.answer(401, json.dumps({"error": error, "error_description": "Who are you?"}))


def fail(link: Connection, _: str) -> None:
    link.answer(500, "not now")


def hang(link: Connection, _: str) -> None:
    link.note(0)


def drip(link: Connection, _: str) -> None:
    link.note(200)
    link.write(_head(200, 10_000))
    link.drip(b"x" * 10_000)


def drip_head(link: Connection, _: str) -> None:
    link.note(0)
    link.drip(_head(200, 0, *(f"X-{n}: drip" for n in range(1000))))


def retry_after(link: Connection, argument: str) -> None:
    code, seconds = argument.split("/")
    link.answer(int(code), "slower", f"Retry-After: {seconds}")


def huge(link: Connection, _: str) -> None:
    link.note(200)
    link.write(_head(200, HUGE) + b"h" * HUGE)


def huge_head(link: Connection, _: str) -> None:
    link.note(0)
    link.write(_head(200, 0, *("X-More: " + "h" * 1000 for _ in range(2000))))


def close_early(link: Connection, _: str) -> None:
    link.note(0)
    link.close()


def close_after(link: Connection, _: str) -> None:
    """Says nothing of closing, and closes."""
    link.answer(200, "bye")
    link.close()


def cut_off(link: Connection, _: str) -> None:
    link.note(200)
    link.write(_head(200, 100) + b"half")
    link.close()


def until_close(link: Connection, _: str) -> None:
    link.note(200)
    link.write(_head(200, None) + b"until the end")
    link.close()


def chunked(link: Connection, _: str) -> None:
    link.note(200)
    link.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    link.write(
        _head(200, None, "Transfer-Encoding: chunked") + b"3\r\nin \r\n6\r\npieces\r\n0\r\n\r\n"
    )


def garbage(link: Connection, _: str) -> None:
    link.note(0)
    link.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def half_http(link: Connection, _: str) -> None:
    link.note(0)
    link.write(b"HTTP/1.1 200 OK\r\nContent-Length: few\r\n\r\n")


def binary(link: Connection, _: str) -> None:
    link.note(200)
    link.write(_head(200, 6) + b"\x00\xff\xfe\x00ab")


def redirect(link: Connection, argument: str) -> None:
    link.answer(302, "", f"Location: /{argument}")


def first_fail(link: Connection, argument: str) -> None:
    """Of each event so many tries fail."""
    key = (link.path, link.event_id())
    link.world.seen[key] = link.world.seen.get(key, 0) + 1
    if link.world.seen[key] <= int(argument.split("/")[0]):
        fail(link, "")
    else:
        ok(link, "")


def at_random(link: Connection, argument: str) -> None:
    """That share of requests fails, one way or another."""
    if link.world.certain.random() >= float(argument.split("/")[0]):
        ok(link, "")
    else:
        link.world.certain.choice((fail, close_early, garbage, close_after))(link, "")


def oauth(link: Connection, _: str) -> None:
    """With a token that was given since the last revocation."""
    token = link.headers.get("authorization", "").removeprefix("Bearer token-")
    if token.isdigit() and int(token) > link.world.revoked:
        ok(link, "")
    else:
        link.answer(401, "no such token")


def issue(link: Connection, argument: str) -> None:
    """A token; `argument`: the seconds that it lives."""
    link.world.tokens += 1
    token = {"access_token": f"token-{link.world.tokens}", "token_type": "Bearer"}
    if argument:
        token |= {"expires_in": int(argument)}  # type: ignore[dict-item]
    link.answer(200, json.dumps(token | {"refresh_token": f"refresh-{link.world.tokens}"}))


MODES: dict[str, Callable[[Connection, str], None]] = {
    "ok": ok, "status": status, "fail": fail, "hang": hang, "drip": drip, "drip-head": drip_head,
    "retry-after": retry_after, "huge": huge, "huge-head": huge_head, "close-early": close_early,
    "close-after": close_after, "cut-off": cut_off, "until-close": until_close,
    "chunked": chunked, "garbage": garbage, "half-http": half_http,
    "binary": binary, "redirect": redirect,
    "first-fail": first_fail, "random": at_random, "oauth": oauth, "token": issue,
    "no-token": no_token,
}  # fmt: skip


class Control(Connection):
    """Commands of the test."""

    def on_message_complete(self) -> None:
        what = json.loads(self._body)
        if self._path == "/become":
            self._world.modes[what["path"]] = what["mode"]
        elif self._path == "/revoke":
            self._world.revoked = self._world.tokens
        self.write(_head(204, None, "Connection: close"))
        self.close()


async def serve(arguments: argparse.Namespace) -> None:

    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    world = World(os.open(arguments.journal, flags, 0o600))
    world.certain.seed(os.getpid())
    context = None
    if arguments.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(arguments.certificate)
        if arguments.client_authority:
            context.load_verify_locations(arguments.client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(world), "127.0.0.1", arguments.port, ssl=context, backlog=1024
    )
    control = await loop.create_server(lambda: Control(world), "127.0.0.1", 0)
    ports = [each.sockets[0].getsockname()[1] for each in (server, control)]
    print(*ports, flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--journal", required=True)
    parser.add_argument("--certificate")
    parser.add_argument("--client-authority")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
