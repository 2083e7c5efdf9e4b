"""Languages as clients and services spell them, and the choice of a service."""

from __future__ import annotations

import pytest

from clarion.connectors.translate.apertium import Apertium
from clarion.connectors.translate.choice import translator_for
from clarion.connectors.translate.languages import best_match, tag_of
from clarion.connectors.translate.libretranslate import LibreTranslate
from clarion.settings import SettingsError, Translation, load


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("en", "en"),
        (" EN ", "en"),
        ("eng", "en"),
        ("spa_US", "es-us"),
        ("pt-BR", "pt-br"),
        ("zh-Hans-CN", "zh-hans-cn"),
        ("szl", "szl"),
        ("e", None),
        ("english", None),
        ("", None),
        ("en-", None),
        ("../en", None),
        ("en" + "-abcdefgh" * 4, None),
    ],
)
def test_a_language_has_one_spelling(text: str, tag: str | None) -> None:
    assert tag_of(text) == tag


@pytest.mark.parametrize(
    ("wanted", "known", "best"),
    [
        ("pt-br", ["pt", "pt-br"], "pt-br"),
        ("pt-br", ["pt", "pt-pt"], "pt"),
        ("pt", ["en", "pt-br", "pt-pt"], "pt-br"),
        ("pt-br", ["pt-pt"], "pt-pt"),
        ("pt", ["en"], None),
        ("pt", [], None),
    ],
)
def test_the_nearest_language_serves(wanted: str, known: list[str], best: str | None) -> None:
    assert best_match(wanted, known) == best


def test_the_settings_choose_the_service() -> None:
    assert translator_for(Translation()) is None
    assert isinstance(translator_for(Translation(kind="apertium")), Apertium)
    libre = Translation(kind="libretranslate", url="http://translate.example")
    assert isinstance(translator_for(libre), LibreTranslate)


def test_libretranslate_needs_its_address() -> None:
    with pytest.raises(SettingsError, match=r"translation\.url"):
        load(None, {"CLARION_TRANSLATION_KIND": "libretranslate"})
    with pytest.raises(SettingsError, match=r"links"):
        load(None, {"CLARION_LINKS_PUBLIC_URL": "https://ann:secret@go.example"})
