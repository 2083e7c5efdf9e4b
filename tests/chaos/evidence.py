"""Everything that is known when it is over: from the clients, the SMSC and the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clarion.engine.messages.receipts import normal_id

from ..peers.smsc import Smsc
from .load import Ledger
from .plan import Answer, Plan
from .record import Record
from .storm import Diary

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Copy:
    """One submit_sm that the SMSC took."""

    id: str
    at: float
    connection: int
    answered: bool


@dataclass(frozen=True)
class Evidence:
    """What the verdicts are made of."""

    plan: Plan
    ledger: Ledger
    diary: Diary
    injected: Sequence[Answer]
    unfinished: Mapping[str, int]
    copies: Mapping[tuple[str, int], Sequence[Copy]]  # by number (no plus sign) and part
    ends: Mapping[int, float]
    settled: Sequence[Row]
    requests: Mapping[str, Row]
    recounted: Mapping[str, Row]
    messages: Mapping[str, Row]
    fragments: Mapping[str, Row]  # by the carrier's id
    unmatched: frozenset[str]

    def message_of(self, number: str) -> Row | None:
        return self._by_number.get(number)

    @property
    def _by_number(self) -> Mapping[str, Row]:
        found: Mapping[str, Row] = self.__dict__.setdefault(
            "by_number",
            {m["peer_address"][1:]: m for m in self.messages.values() if m["direction"] == "MT"},
        )
        return found


async def gather_evidence(
    plan: Plan,
    ledger: Ledger,
    diary: Diary,
    injected: Sequence[Answer],
    *,
    record: Record,
    smsc: Smsc,
    unfinished: Mapping[str, int],
) -> Evidence:
    """Read it all."""
    return Evidence(
        plan=plan,
        ledger=ledger,
        diary=diary,
        injected=injected,
        unfinished=unfinished,
        copies=_copies(await smsc.messages()),
        ends=await smsc.ends(),
        settled=await smsc.settled(),
        requests={row["id"]: row for row in await record.read("requests")},
        recounted={row["id"]: row for row in await record.read("recounted")},
        messages={row["id"]: row for row in await record.read("messages")},
        fragments={row["external_id"]: row for row in await record.read("fragments")},
        unmatched=frozenset(
            normal_id(row["external_id"]) for row in await record.read("unmatched")
        ),
    )


def _copies(submissions: Sequence[Row]) -> dict[tuple[str, int], list[Copy]]:
    found: dict[tuple[str, int], list[Copy]] = defaultdict(list)
    for row in submissions:
        if "id" in row:
            copy = Copy(row["id"], row["at"] / 1000, row["connection"], row["answered"])
            found[row["destination"], _part(row)].append(copy)
    return found


def _part(row: Row) -> int:
    """The number that ends the user data header's concatenation element."""
    return int(row["udh"][0][-2:], 16) if row["udh"] else 1
