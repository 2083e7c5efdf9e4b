"""command_status: what each means."""

from __future__ import annotations

import pytest

from clarion.connectors.smpp import statuses
from clarion.connectors.smpp.statuses import Statuses
from clarion.engine.messages.ports import FailureKind


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [
        (0x08, FailureKind.TEMPORARY, "ESME_RSYSERR"),
        (0x0A, FailureKind.REFUSED, "ESME_RINVSRCADR"),
        (0x0B, FailureKind.INVALID_RECIPIENT, "ESME_RINVDSTADR"),
        (0x14, FailureKind.THROTTLED, "ESME_RMSGQFUL"),
        (0x58, FailureKind.THROTTLED, "ESME_RTHROTTLED"),
        (0x64, FailureKind.TEMPORARY, "ESME_RX_T_APPN"),
        (0x65, FailureKind.REFUSED, "ESME_RX_P_APPN"),
        (0x101, FailureKind.REFUSED, "ESME_RPROHIBITED"),
        (0x0499, FailureKind.TEMPORARY, "0x00000499"),
        (0xFFFFFFFF, FailureKind.TEMPORARY, "0xffffffff"),
    ],
)
def test_statuses(status: int, kind: FailureKind, name: str) -> None:
    failure = Statuses().failure(status)
    assert (failure.kind, failure.code) == (kind, name)
    assert failure.words


def test_the_settings_know_better() -> None:
    table = Statuses(refused=(0x0499, 0x08), temporary=(0x0B,))
    assert table.failure(0x0499).kind is FailureKind.REFUSED
    assert table.failure(0x08).kind is FailureKind.REFUSED
    assert table.failure(0x0B).kind is FailureKind.TEMPORARY


def test_no_status_means_uncertain_or_not_sent() -> None:
    """These say that no answer came, so an answer can never be one of them."""
    table = Statuses()
    kinds = {table.failure(status).kind for status in range(0x600)}
    assert kinds.isdisjoint({FailureKind.UNCERTAIN, FailureKind.NOT_SENT})


def test_a_peer_with_ever_new_statuses_does_not_fill_the_memory() -> None:
    table = Statuses()
    for status in range(0x1000, 0x3000):
        table.failure(status)
    assert len(table._failures) <= 1000


def test_names_of_success_and_words_of_the_unknown() -> None:
    assert statuses.name(0) == "ESME_ROK"
    assert "0x00000499" in statuses.words(0x0499)
