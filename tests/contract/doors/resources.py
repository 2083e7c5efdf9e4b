"""What tests do with any resource of the SCG door, and what is true of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness import REFERENCE, Client


@dataclass(frozen=True)
class Records:
    """The records of one resource."""

    path: str
    least: Mapping[str, Any] = field(default_factory=dict)  # what a create cannot do without
    known_by: str = "id"  # the attribute by which lists are compared

    async def make(self, client: Client, **more: Any) -> str:
        reply = await client.post(self.path, {**self.least, **more})
        assert reply.status == 200, reply.raw
        assert set(reply.json) == {"id"}
        return str(reply.json["id"])

    async def read(self, client: Client, id: str) -> dict[str, Any]:
        reply = await client.get(f"{self.path}/{id}")
        assert reply.status == 200, reply.raw
        return dict(reply.json)

    async def read_new(self, client: Client, id: str) -> dict[str, Any]:
        """Without its dates: it has not been changed since it was made."""
        shown = await self.read(client, id)
        created = shown.pop("created_date")
        assert isinstance(created, int)
        assert shown.pop("last_updated_date") == created
        return shown

    async def listed(self, client: Client, query: str = "") -> list[str]:
        reply = await client.get(f"{self.path}?{query}")
        assert reply.status == 200, reply.raw
        return [each[self.known_by] for each in reply.json["list"]]

    async def are_in_reference_form(self, client: Client, id: str) -> None:
        """As an array, with dates in ISO 8601, where the company has only this one."""
        reply = await client.in_form(REFERENCE).get(self.path)
        assert reply.headers["X-Total-Count"] == "1"
        (shown,) = reply.json
        assert shown["id"] == id
        assert shown["created_date"].endswith("Z")
        assert "company_id" not in shown

    async def refuse(self, client: Client, body: Any, code: str, words: str) -> None:
        """A create of this answers 400 with the code, in these words among others."""
        reply = await client.post(self.path, body)
        assert (reply.status, reply.code) == (400, code)
        assert words in reply.json["error_description"]

    async def can_be_deleted(self, client: Client, id: str) -> None:
        """It can be deleted, once, and is not there afterwards."""
        reply = await client.delete(f"{self.path}/{id}")
        assert (reply.status, reply.raw) == (200, b"")
        for method in ("GET", "DELETE"):
            assert (await client.call(method, f"{self.path}/{id}")).status == 404
        assert id not in [each["id"] for each in (await client.get(self.path)).json["list"]]


async def whole_list(client: Client, path: str, query: str = "") -> list[str]:
    """The ids of a list that is one page."""
    reply = await client.get(f"{path}?{query}")
    assert reply.status == 200, reply.raw
    assert reply.json["total"] == len(reply.json["list"])
    return [each["id"] for each in reply.json["list"]]
