"""The content of attachments: up and down, by token and by bearer."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from attached import (
    ATTACHMENTS,
    BYTES,
    DOOR,
    RAW,
    content,
    downloaded,
    linked,
    made,
    token_for,
    uploaded,
)
from harness import LIVE, REFERENCE, Client, Site, SiteMaker
from msgspec import to_builtins
from tests.peers.s3 import S3

from clarion.kit import ids

# ---------------------------------------------------------------- upload


async def test_raw_bytes_are_uploaded_without_any_credential_but_the_token(client: Client) -> None:
    id = await made(client)
    reply = await content(client, "POST", await token_for(client, id), data=BYTES, headers=RAW)
    assert reply.status == 200
    shown = (await client.get(f"{ATTACHMENTS}/{id}")).json
    assert (shown["state"], shown["size"], shown["version_number"]) == ("UPLOADED", len(BYTES), 2)
    assert (await downloaded(client, id)).raw == BYTES


async def test_a_bearer_beside_the_token_makes_no_difference(client: Client) -> None:
    id = await made(client)
    token = await token_for(client, id)
    for bearer in (client.token, "nonsense"):
        headers = RAW | {"Authorization": f"Bearer {bearer}"}
        assert (await content(client, "POST", token, data=BYTES, headers=headers)).status == 200


async def test_a_leading_double_slash_makes_no_difference(client: Client) -> None:
    id = await made(client)
    token = await token_for(client, id)
    path = f"/{DOOR}/{token}/content"
    reply = await client.call("POST", path, data=BYTES, headers={"Authorization": None})
    assert reply.status == 200


async def test_a_file_in_a_multipart_body_is_uploaded(client: Client) -> None:
    id = await made(client, type=None, filename=None)
    form = aiohttp.FormData()
    form.add_field("comment", "passed over")
    form.add_field("file-upload", BYTES, filename="a.png", content_type="image/png")
    form.add_field("after", "passed over too")
    reply = await content(client, "POST", await token_for(client, id), data=form)
    assert reply.status == 200, reply.json
    shown = (await client.get(f"{ATTACHMENTS}/{id}")).json
    assert (shown["size"], shown["type"], shown["filename"]) == (len(BYTES), "image/png", "a.png")
    assert (await downloaded(client, id)).raw == BYTES


SIZED = (
    b"--b0undary\r\n"
    b'Content-Disposition: form-data; name="file-upload"; filename="x.bin"; size=%d\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n%s\r\n--b0undary--\r\n"
)


@pytest.mark.parametrize(
    ("disposition", "kind", "filename"),
    [
        ('name="file-upload"; filename="x.bin"; size=2048', "", "x.bin"),
        ('name="file-upload"', "", None),
        ('name="anything"; filename=""', "", None),
        ('name="anything"', "Content-Type: image/gif\r\n", None),
        ('name="f"; filename="C:\\pictures\\x.png"', "", "x.png"),
        ('name="f"; filename="../../x.png"', "", "x.png"),
        ("name=f; filename=x.png", "", "x.png"),
        ("name=f; filename=\"_.png\"; filename*=UTF-8''%e2%82%ac.png", "", "\u20ac.png"),
    ],
)
async def test_a_part_is_a_file_by_its_name_its_field_or_its_type(
    client: Client, disposition: str, kind: str, filename: str | None
) -> None:
    id = await made(client, filename=None)
    head = f"--b0undary\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n"
    body = head.encode() + BYTES + b"\r\n--b0undary--\r\n"
    headers = {"Content-Type": MULTIPART}
    reply = await content(client, "POST", await token_for(client, id), data=body, headers=headers)
    assert reply.status == 200, reply.json
    assert (await downloaded(client, id)).raw == BYTES
    assert (await client.get(f"{ATTACHMENTS}/{id}")).json.get("filename") == filename


MULTIPART = "multipart/form-data; boundary=b0undary"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", SIZED % (3, b"abc")),
        ("multipart/form-data; boundary=", SIZED % (3, b"abc")),
        (f"multipart/form-data; boundary={'x' * 201}", SIZED % (3, b"abc")),
        ("multipart/form-data; boundary=other", SIZED % (3, b"abc")),
        (MULTIPART, b""),
        (MULTIPART, (SIZED % (3, b"abc"))[:-6]),
        (MULTIPART, b"--b0undary--\r\n"),
        (MULTIPART, SIZED % (0, b"")),
        (MULTIPART, b'--b0undary\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
         b"--b0undary--\r\n"),
        (MULTIPART, b"--b0undary\r\nX: " + b"x" * 100_000 + b"\r\n\r\n\r\n--b0undary--\r\n"),
        (MULTIPART, b'--b0undary\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 50),
        ("application/octet-stream", b""),
    ],
)  # fmt: skip
async def test_a_body_without_a_whole_file_is_400_and_changes_nothing(
    client: Client, content_type: str, body: bytes
) -> None:
    id = await made(client)
    headers = {"Content-Type": content_type}
    reply = await content(client, "POST", await token_for(client, id), data=body, headers=headers)
    assert (reply.status, reply.code) == (400, "400")
    shown = (await client.get(f"{ATTACHMENTS}/{id}")).json
    assert (shown["state"], shown["version_number"]) == ("CREATED", 1)


@pytest.mark.parametrize("way", ["raw", "raw, of unknown length", "multipart"])
async def test_content_over_the_limit_is_1019(make_site: SiteMaker, way: str) -> None:
    site = await make_site(files={"max_bytes": 1000})
    client = await site.company()

    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 100

    def body(count: int) -> Any:
        if way == "raw":
            return b"x" * 100 * count
        if way == "multipart":
            return aiohttp.FormData({"file-upload": io.BytesIO(b"x" * 100 * count)})
        return pieces(count)

    id = await made(client)
    token = await token_for(client, id)
    for count in (11, 2000):
        reply = await content(client, "POST", token, data=body(count))
        assert (reply.status, reply.code) == (400, "1019")
    assert (await client.get(f"{ATTACHMENTS}/{id}")).json["state"] == "CREATED"
    assert (await content(client, "POST", token, data=body(10))).status == 200


async def test_content_may_be_larger_than_other_bodies(make_site: SiteMaker) -> None:
    site = await make_site(http={"max_body_bytes": 1000})
    client = await site.company()
    id = await uploaded(client, io.BytesIO(bytes(200_000)))
    assert len((await downloaded(client, id)).raw) == 200_000


async def test_a_client_that_goes_away_leaves_no_content(client: Client) -> None:
    id = await made(client)
    token = await token_for(client, id)
    host, port = client.base.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {DOOR}/{token}/content HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    writer.write(head.encode() + bytes(50_000))
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    reply = await content(client, "POST", token, data=BYTES, headers=RAW)  # later than all that
    assert reply.status == 200
    assert (await downloaded(client, id)).raw == BYTES


async def test_a_second_upload_replaces_the_first(client: Client) -> None:
    id = await uploaded(client, b"first")
    before = (await downloaded(client, id)).headers["ETag"]
    await content(client, "POST", await token_for(client, id), data=b"second", headers=RAW)
    after = await downloaded(client, id)
    assert (after.raw, after.headers["ETag"] == before) == (b"second", False)
    shown = (await client.get(f"{ATTACHMENTS}/{id}")).json
    assert (shown["size"], shown["version_number"]) == (6, 3)


async def test_what_a_message_carries_is_not_replaced(site: Site, client: Client) -> None:
    id = await uploaded(client)
    await linked(site, client, ids.new_request_id(), [id])
    token = await token_for(client, id)
    reply = await content(client, "POST", token, data=b"other", headers=RAW)
    assert (reply.status, reply.code) == (409, "409")
    assert (await downloaded(client, id)).raw == BYTES


async def test_the_bytes_are_of_the_type_that_came_with_them(client: Client) -> None:
    """The name that was given stays: who uploads may know it by another one."""
    id = await made(client)
    form = aiohttp.FormData()
    form.add_field("file", BYTES, filename="other.png", content_type="image/png")
    await content(client, "POST", await token_for(client, id), data=form)
    shown = (await client.get(f"{ATTACHMENTS}/{id}")).json
    assert (shown["type"], shown["filename"]) == ("image/png", "beach.jpg")
    assert (await downloaded(client, id)).headers["Content-Type"] == "image/png"
    for said in ("image/gif", "application/octet-stream", "application/x-www-form-urlencoded"):
        headers = {"Content-Type": said}
        await content(client, "POST", await token_for(client, id), data=b"GIF", headers=headers)
        assert (await downloaded(client, id)).headers["Content-Type"] == "image/gif"


# ---------------------------------------------------------------- download


async def test_content_comes_with_its_type_and_its_name(client: Client) -> None:
    id = await uploaded(client, filename='bill \u20ac "5".jpg')
    reply = await downloaded(client, id)
    assert (reply.status, reply.raw) == (200, BYTES)
    assert reply.headers["Content-Type"] == "image/jpeg"
    assert reply.headers["Content-Length"] == str(len(BYTES))
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert reply.headers["Content-Disposition"] == (
        "attachment; filename=\"bill _ _5_.jpg\"; filename*=UTF-8''bill%20%E2%82%AC%20%225%22.jpg"
    )


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("text/csv; charset=utf-8", "text/csv; charset=utf-8"),
        ("text/html", "text/html"),
        (None, "application/octet-stream"),
        ("no type", "application/octet-stream"),
        ("text/plain\r\nX-Injected: 1", "application/octet-stream"),
    ],
)
async def test_no_browser_runs_what_was_uploaded(
    client: Client, given: str | None, shown: str
) -> None:
    reply = await downloaded(client, await uploaded(client, b"<script>", type=given))
    assert reply.headers["Content-Type"] == shown
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in reply.headers["Content-Security-Policy"]
    assert reply.headers["Content-Disposition"].startswith("attachment")
    assert "X-Injected" not in reply.headers


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-9", 206, 0, 9),
        ("bytes=10-", 206, 10, 2047),
        ("bytes=-10", 206, 2038, 2047),
        ("bytes=2040-99999", 206, 2040, 2047),
        ("bytes=2047-2047", 206, 2047, 2047),
        ("Bytes = 5 - 6", 206, 5, 6),
        ("bytes=0-1,5-6", 200, 0, 2047),
        ("bytes=9-5", 200, 0, 2047),
        ("bytes=-", 200, 0, 2047),
        ("lines=1-2", 200, 0, 2047),
    ],
)
async def test_a_range_is_a_part_of_the_content(
    client: Client, asked: str, status: int, first: int, last: int
) -> None:
    reply = await downloaded(client, await uploaded(client), Range=asked)
    assert (reply.status, reply.raw) == (status, BYTES[first : last + 1])
    shown = f"bytes {first}-{last}/{len(BYTES)}" if status == 206 else None
    assert reply.headers.get("Content-Range") == shown


@pytest.mark.parametrize("asked", ["bytes=2048-", "bytes=99999-100000", "bytes=-0"])
async def test_a_range_beyond_the_content_is_416(client: Client, asked: str) -> None:
    reply = await downloaded(client, await uploaded(client), Range=asked)
    assert (reply.status, reply.code) == (416, "416")
    assert reply.headers["Content-Range"] == f"bytes */{len(BYTES)}"


async def test_a_range_of_what_was_replaced_is_the_whole_of_what_is_there(client: Client) -> None:
    id = await uploaded(client)
    tag = (await downloaded(client, id)).headers["ETag"]
    part = await downloaded(client, id, **{"Range": "bytes=0-9", "If-Range": tag})
    assert part.status == 206
    other = await downloaded(client, id, **{"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (other.status, other.raw) == (200, BYTES)


async def test_content_that_the_client_has_is_not_sent_again(client: Client) -> None:
    id = await uploaded(client)
    tag = (await downloaded(client, id)).headers["ETag"]
    for known in (tag, f'"x", W/{tag}', "*"):
        reply = await downloaded(client, id, **{"If-None-Match": known})
        assert (reply.status, reply.raw) == (304, b"")
    assert (await downloaded(client, id, **{"If-None-Match": '"x"'})).status == 200


async def test_head_tells_all_but_the_bytes(client: Client) -> None:
    token = await token_for(client, await uploaded(client))
    for headers in ({}, {"Range": "bytes=0-9"}):
        reply = await content(client, "HEAD", token, headers=headers)
        assert (reply.status, reply.raw) == (200, b"")
        assert reply.headers["Content-Length"] == str(len(BYTES))
        assert reply.headers["Content-Type"] == "image/jpeg"


async def test_before_the_upload_there_is_nothing_to_download(client: Client) -> None:
    id = await made(client)
    for method in ("GET", "HEAD"):
        reply = await content(client, method, await token_for(client, id))
        assert reply.status == 400
    reply = await client.get(f"{ATTACHMENTS}/{id}/content")
    assert (reply.status, reply.code) == (400, "400")
    assert "no content yet" in reply.json["error_description"]


@pytest.mark.parametrize("prefix", [LIVE, REFERENCE])
async def test_an_application_reaches_content_with_its_own_token(
    client: Client, prefix: str
) -> None:
    form = client.in_form(prefix)
    id = await made(client)
    path = f"{ATTACHMENTS}/{id}/content"
    assert (await form.call("POST", path, data=BYTES, headers=RAW)).json == {"id": id}
    assert (await form.get(path)).raw == BYTES
    part = await form.get(path, headers={"Range": "bytes=-1"})
    assert (part.status, part.raw) == (206, BYTES[-1:])
    for method in ("GET", "POST"):
        nobody = await form.call(method, path, headers={"Authorization": None})
        assert (nobody.status, nobody.code) == (401, "401")


async def test_large_content_survives_the_way_in_and_out(client: Client) -> None:
    large = os.urandom(9_000_000)
    id = await uploaded(client, io.BytesIO(large))
    assert (await downloaded(client, id)).raw == large


async def test_content_may_be_in_s3(make_site: SiteMaker) -> None:
    with S3() as server:
        bucket = server.bucket()
        site = await make_site(files=to_builtins(bucket.settings()))
        client = await site.company()
        large = os.urandom(9_000_000)
        id = await uploaded(client, io.BytesIO(large))
        assert len(bucket.keys()) == 1
        assert (await downloaded(client, id)).raw == large
        assert (await downloaded(client, id, Range="bytes=8999000-")).raw == large[8_999_000:]
        await client.delete(f"{ATTACHMENTS}/{id}")
        assert bucket.keys() == []

        waiting = await made(client)
        token = await token_for(client, waiting)
        server.stop()
        reply = await content(client, "POST", token, data=BYTES, headers=RAW)
        assert (reply.status, reply.code) == (503, "503")
        assert int(reply.headers["Retry-After"]) >= 1
        assert (await client.get(f"{ATTACHMENTS}/{waiting}")).json["state"] == "CREATED"
