"""The file store, on a directory and on a real S3 server: the same rules for both."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.peers.s3 import S3, Bucket

from clarion.errors import ContentTooLarge, NotFound, TooManyRequests, Unavailable
from clarion.settings import Files, SettingsError
from clarion.storage.files import CHUNK, WHOLE, WRITERS, WRITERS_OF_ONE, FileStore

LIMIT = 100_000_000
BIG = 12_000_000  # three parts of a multipart upload
PIECE = 64 * 1024


class Place:
    """A store, and what is in it as others see it."""

    def __init__(self, settings: Files, names: Callable[[], list[str]]) -> None:
        self.settings = settings
        self.store = FileStore(settings)
        self.names = names


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with S3() as server:
        yield server


@pytest.fixture(params=["directory", "s3"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "directory":
        made = Place(Files(url=(tmp_path / "a store").as_uri()), lambda: _files(tmp_path))
    else:
        bucket: Bucket = request.getfixturevalue("s3").bucket()
        made = Place(bucket.settings(), lambda: bucket.keys() + bucket.open_uploads())
    yield made
    await made.store.close()


def _files(directory: Path) -> list[str]:
    return [str(each) for each in directory.rglob("*") if each.is_file()]


async def pieces(content: bytes, *, size: int = PIECE) -> AsyncGenerator[bytes, None]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


async def read(store: FileStore, key: str, **more: int) -> bytes:
    return b"".join([chunk async for chunk in await store.get(key, **more)])


@pytest.mark.parametrize("size", [0, 1, WHOLE, WHOLE + 1, BIG])
async def test_what_is_put_is_what_is_got(place: Place, size: int) -> None:
    content = os.urandom(size)
    assert await place.store.put("7/a/file", pieces(content), limit=LIMIT) == size
    assert await read(place.store, "7/a/file") == content
    assert len(place.names()) == 1


async def test_a_part_of_a_file_can_be_got(place: Place) -> None:
    content = os.urandom(3 * CHUNK)
    await place.store.put("file", pieces(content), limit=LIMIT)
    assert await read(place.store, "file", start=10, end=20) == content[10:20]
    assert await read(place.store, "file", start=CHUNK - 5) == content[CHUNK - 5 :]
    assert (
        await read(place.store, "file", start=len(content) - 1, end=len(content) + 99)
        == (content[-1:])
    )


async def test_a_file_is_read_in_chunks(place: Place) -> None:
    await place.store.put("file", pieces(bytes(BIG)), limit=LIMIT)
    sizes = [len(chunk) async for chunk in await place.store.get("file")]
    assert sum(sizes) == BIG
    assert max(sizes) < BIG / 4


async def test_a_second_put_replaces_the_file(place: Place) -> None:
    await place.store.put("file", pieces(b"first and longer"), limit=LIMIT)
    await place.store.put("file", pieces(b"second"), limit=LIMIT)
    assert await read(place.store, "file") == b"second"


async def test_what_is_not_there_is_not_found(place: Place) -> None:
    with pytest.raises(NotFound):
        await place.store.get("nothing/here")
    with pytest.raises(NotFound):
        await place.store.get("nothing/here", start=3, end=9)


async def test_a_deleted_file_is_gone_and_may_be_deleted_again(place: Place) -> None:
    await place.store.put("file", pieces(b"x"), limit=LIMIT)
    await place.store.delete("file")
    await place.store.delete("file")
    with pytest.raises(NotFound):
        await place.store.get("file")
    assert place.names() == []


@pytest.mark.parametrize("size", [2 * PIECE, BIG])
async def test_a_file_over_the_limit_is_refused_and_leaves_nothing(place: Place, size: int) -> None:
    with pytest.raises(ContentTooLarge):
        await place.store.put("file", pieces(bytes(size)), limit=size - 1)
    assert place.names() == []


@pytest.mark.parametrize("after", [PIECE, BIG])
async def test_a_source_that_breaks_leaves_nothing(place: Place, after: int) -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        async for piece in pieces(bytes(after)):
            yield piece
        raise ConnectionResetError("the client went away")

    with pytest.raises(ConnectionResetError):
        await place.store.put("file", broken(), limit=LIMIT)
    assert place.names() == []


async def test_a_put_that_is_cancelled_leaves_nothing(place: Place) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        async for piece in pieces(bytes(BIG)):
            yield piece
        begun.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(place.store.put("file", endless(), limit=LIMIT))
    await begun.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert place.names() == []


async def test_no_more_is_taken_from_the_source_than_the_store_can_keep(place: Place) -> None:
    held = asyncio.Event()
    taken = 0

    async def source() -> AsyncGenerator[bytes, None]:
        nonlocal taken
        for _ in range(2000):
            taken += PIECE
            yield bytes(PIECE)

    async def stuck(*_: object, **__: object) -> None:
        await held.wait()
        raise Unavailable

    place.store._write = stuck  # type: ignore[method-assign]
    putting = asyncio.create_task(place.store.put("file", source(), limit=1 << 40))
    while taken == 0 or not putting.done():
        before = taken
        await asyncio.sleep(0)
        if taken == before:
            break
    assert taken < 10 * PIECE
    held.set()
    with pytest.raises(Unavailable):
        await putting


async def test_files_can_be_put_and_got_at_once(place: Place) -> None:
    contents = {f"{n}/file": os.urandom(100_000 * n) for n in range(1, 9)}
    await asyncio.gather(
        *(place.store.put(key, pieces(each), limit=LIMIT) for key, each in contents.items())
    )
    assert dict(zip(contents, await asyncio.gather(*(read(place.store, k) for k in contents)),
                    strict=True)) == contents  # fmt: skip


async def test_a_look_writes_nothing(place: Place) -> None:
    await place.store.look()
    assert place.names() == []


async def test_another_process_sees_the_same_files(place: Place) -> None:
    await place.store.put("file", pieces(b"shared"), limit=LIMIT)
    assert await read(FileStore(place.settings), "file") == b"shared"


async def test_while_the_store_is_away_the_error_is_unavailable() -> None:
    with S3() as server:
        store = FileStore(server.bucket().settings())
        await store.put("file", pieces(b"x"), limit=LIMIT)
        server.stop()
        for work in (
            store.look(),
            store.get("file"),
            store.delete("file"),
            store.put("other", pieces(bytes(BIG)), limit=LIMIT),
        ):
            with pytest.raises(Unavailable):
                await work


async def test_a_directory_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    store = FileStore(Files(url=(tmp_path / "store").as_uri()))
    (tmp_path / "store" / "7").write_text("a file where a directory has to be")
    with pytest.raises(Unavailable):
        await store.put("7/file", pieces(b"x"), limit=LIMIT)


async def test_what_a_crash_left_of_a_file_is_deleted_with_it(tmp_path: Path) -> None:
    store = FileStore(Files(url=tmp_path.as_uri()))
    await store.put("7/file", pieces(b"x"), limit=LIMIT)
    (tmp_path / "7" / "file#1").write_bytes(b"half")
    await store.delete("7/file")
    assert _files(tmp_path) == []


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a/../b", "a//b", "a b", ".a", ""])
async def test_no_key_leads_out_of_the_store(tmp_path: Path, key: str) -> None:
    store = FileStore(Files(url=tmp_path.as_uri()))
    with pytest.raises(ValueError, match="cannot name a file"):
        await store.put(key, pieces(b"x"), limit=LIMIT)


async def test_a_directory_is_made_when_it_is_needed_first(tmp_path: Path) -> None:
    store = FileStore(Files(url=(tmp_path / "a" / "store").as_uri()))
    assert not (tmp_path / "a").exists()
    await store.put("file", pieces(b"x"), limit=LIMIT)
    assert (tmp_path / "a" / "store").stat().st_mode & 0o077 == 0


async def test_a_directory_that_cannot_be_made_is_unavailable() -> None:
    store = FileStore(Files(url="file:///proc/nothing"))
    for work in (store.look(), store.get("file"), store.put("file", pieces(b"x"), limit=LIMIT)):
        with pytest.raises(Unavailable):
            await work


async def test_a_process_writes_so_many_files_at_once_and_no_more(tmp_path: Path) -> None:
    store = FileStore(Files(url=tmp_path.as_uri()))
    release = asyncio.Event()

    async def slow() -> AsyncGenerator[bytes, None]:
        await release.wait()
        yield b"x"

    def put(number: int, owner: int) -> asyncio.Task[int]:
        key = f"{owner}/{number}"
        return asyncio.create_task(store.put(key, slow(), limit=LIMIT, owner=owner))

    under_way = [put(number, 1) for number in range(WRITERS_OF_ONE)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests):
        await put(99, 1)
    under_way += [put(number, 2 + number) for number in range(WRITERS - WRITERS_OF_ONE)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests):
        await put(99, 99)
    release.set()
    assert await asyncio.gather(*under_way) == [1] * WRITERS
    assert await put(99, 1) == 1


@pytest.mark.parametrize("url", ["s3://", "gs://", "az://"])
async def test_a_store_that_cannot_be_is_an_error_of_the_settings(url: str) -> None:
    with pytest.raises(SettingsError, match=r"files\.url"):
        FileStore(Files(url=url))
