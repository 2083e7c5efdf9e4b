"""Changes set what they name, for the version that their caller has read."""

from __future__ import annotations

import pytest
from msgspec import UNSET, Struct, UnsetType

from clarion.errors import StaleVersion
from clarion.kit.changes import changes_of, check_version, given

ROW = {"name": "old", "note": "kept", "version": 3}


class Change(Struct, kw_only=True):
    version: int | None = None
    name: str | UnsetType = UNSET
    note: str | UnsetType | None = UNSET


def test_what_is_unset_stays_as_it_is() -> None:
    assert ROW | changes_of(ROW, Change(name="new")) == ROW | {"name": "new"}


def test_null_is_a_change() -> None:
    assert changes_of(ROW, Change(note=None)) == {"note": None}


def test_a_change_of_the_current_version_is_taken() -> None:
    assert changes_of(ROW, Change(name="new", version=3)) == {"name": "new"}


@pytest.mark.parametrize("version", [0, 2, 4])
def test_a_change_of_another_version_is_refused(version: int) -> None:
    with pytest.raises(StaleVersion):
        changes_of(ROW, Change(name="new", version=version))


def test_who_has_read_no_version_may_change_any() -> None:
    check_version(None, 7)


def test_a_struct_without_a_version_names_what_is_given() -> None:
    class Labels(Struct, kw_only=True):
        campaign: str | UnsetType | None = UNSET
        program: str | UnsetType | None = UNSET

    assert given(Labels(program=None)) == {"program": None}
