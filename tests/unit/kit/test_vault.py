"""Secrets at rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from clarion.kit.vault import SealedForAnother, Vault, secret_from_file

VAULT = Vault("a secret of the tests")


def test_what_is_sealed_can_be_opened_by_its_owner_only() -> None:
    sealed = VAULT.seal("open sesame", owner="row 1")
    assert b"sesame" not in sealed
    assert VAULT.open(sealed, owner="row 1") == "open sesame"
    for vault, owner in ((VAULT, "row 2"), (Vault("another secret"), "row 1")):
        with pytest.raises(SealedForAnother):
            vault.open(sealed, owner=owner)


@pytest.mark.parametrize("damage", [b"", b"\x01", b"\x02" + bytes(40), b"\x01" + bytes(40)])
def test_damage_is_noticed(damage: bytes) -> None:
    with pytest.raises(SealedForAnother):
        VAULT.open(damage, owner="row 1")


def test_the_same_text_never_looks_the_same() -> None:
    assert VAULT.seal("x", owner="a") != VAULT.seal("x", owner="a")


def test_a_key_file_is_made_once_for_its_owners_eyes(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret_key"
    made = secret_from_file(path)
    assert len(made) == 64
    assert secret_from_file(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secret_key"]
