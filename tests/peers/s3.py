"""An S3 server for tests: moto's, in a process of its own.

    with S3() as s3:
        store = FileStore(s3.settings())
        s3.keys(), s3.open_uploads()

It speaks the protocol over HTTP, multipart uploads included, and keeps everything in memory.
"""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from itertools import count

from clarion.settings import Files

_buckets = count(1)


class S3:
    """A running server. `bucket` is made anew for each."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = ""

    def __enter__(self) -> S3:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.peers.s3"],
            stdin=subprocess.PIPE,  # the server ends with it, so it never outlives a test run
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline()
        if not port:
            raise RuntimeError("the S3 server did not start")
        self.endpoint = f"http://127.0.0.1:{int(port)}"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """As a server that goes away."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def bucket(self) -> Bucket:
        """A new one."""
        made = Bucket(self.endpoint, f"bucket-{next(_buckets)}")
        made.ask("PUT", "")
        return made


class Bucket:
    """One bucket, seen past the store that is tested."""

    def __init__(self, endpoint: str, name: str) -> None:
        self.endpoint = endpoint
        self.name = name

    def settings(self, prefix: str = "clarion") -> Files:
        return Files(
            url=f"s3://{self.name}/{prefix}",
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id="test",
            secret_access_key="test",
        )

    def keys(self) -> list[str]:
        return re.findall("<Key>([^<]*)</Key>", self.ask("GET", "?list-type=2"))

    def open_uploads(self) -> list[str]:
        """Keys of multipart uploads that were begun and neither completed nor aborted."""
        return re.findall("<Key>([^<]*)</Key>", self.ask("GET", "?uploads"))

    def ask(self, method: str, path: str) -> str:
        request = urllib.request.Request(f"{self.endpoint}/{self.name}{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())


def main() -> None:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    print(port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
