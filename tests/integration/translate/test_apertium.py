"""The Apertium connector, with Apertium itself where it is installed, and with programs of our own
that misbehave."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clarion.connectors.translate import apertium
from clarion.connectors.translate.apertium import PREPARER, Apertium, installed_pairs
from clarion.engine.messages.translation import Translation, translate_texts
from clarion.errors import Unavailable
from clarion.settings import Translation as Settings

MODES = Path(Settings().modes)
needs_apertium = pytest.mark.skipif(
    shutil.which(PREPARER) is None or ("en", "es") not in installed_pairs(MODES),
    reason="needs the Debian packages apertium and apertium-eng-spa",
)


@pytest.fixture
async def spanish() -> AsyncIterator[Apertium]:
    made = Apertium(Settings(kind="apertium"))
    yield made
    await made.close()


@needs_apertium
async def test_texts_are_translated_in_order(spanish: Apertium) -> None:
    done = await spanish.translate(["The house is red", "Hello", "two\nlines"], "en", "es")
    assert [each.text for each in done] == ["La casa es roja", "Hola", "Dos\nlíneas"]


@needs_apertium
async def test_places_and_special_characters_come_through(spanish: Apertium) -> None:
    given = "[{0}] ^x^ $5 @me <b> {1} a\\b /c/ * ~ | 😀 {name} 100%"
    (done,) = await spanish.translate([given], "en", "es")
    assert done.text is not None
    for piece in ("[{0}]", "^", "$5", "@", "<b>", "{1}", "\\", "/", "*", "~", "|", "😀", "100%"):
        assert piece in done.text, done.text


@needs_apertium
async def test_what_must_not_be_translated_is_not(spanish: Apertium) -> None:
    text = 'Dear $name, the house: #track("https://the.example/house")'
    done = await translate_texts(spanish, [text], "en-US", "es-MX")
    (found,) = done.texts
    assert found.text is not None
    assert '#track("https://the.example/house")' in found.text
    assert "$name" in found.text
    assert "casa" in found.text


@needs_apertium
async def test_one_pipeline_serves_batch_after_batch(spanish: Apertium) -> None:
    texts = [f"The parcel {n} arrives tomorrow" for n in range(300)]
    done = await asyncio.gather(*(spanish.translate(texts, "en", "es") for _ in range(2)))
    for batch in done:
        assert [f" {n} " in str(each.text) for n, each in enumerate(batch)] == [True] * 300
    (pipeline,) = spanish._pipelines.values()
    first = pipeline._process
    await spanish.translate(["Hello"], "en", "es")
    assert pipeline._process is first


@needs_apertium
async def test_programs_that_die_are_started_anew(spanish: Apertium) -> None:
    await spanish.translate(["Hello"], "en", "es")
    (pipeline,) = spanish._pipelines.values()
    assert pipeline._process is not None
    os.killpg(pipeline._process.pid, 9)
    (lost,) = await spanish.translate(["Hello"], "en", "es")
    assert lost == Translation(None, "Apertium failed.")
    assert await spanish.translate(["Hello"], "en", "es") == [Translation("Hola")]


@needs_apertium
async def test_the_empty_text_and_the_largest(spanish: Apertium) -> None:
    done = await spanish.translate(["", " ", "word " * 4000], "en", "es")
    assert [each.text for each in done[:2]] == ["", " "]
    assert str(done[2].text).lower().count("palabra") == 4000


@needs_apertium
async def test_a_client_that_goes_away_leaves_no_half_answers(spanish: Apertium) -> None:
    going = asyncio.create_task(spanish.translate(["The house"] * 500, "en", "es"))
    while not spanish._pipelines:
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    assert await spanish.translate(["Hello"], "en", "es") == [Translation("Hola")]


# ---------------------------------------------------------------- with other programs


def _modes(place: Path, **modes: str) -> Path:
    for name, line in modes.items():
        (place / f"{name.replace('__', '-')}.mode").write_text(line)
    return place


@pytest.fixture
def preparer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs of our own in place of Apertium's: a mode's line is run as it is."""
    home = tmp_path / "bin"
    home.mkdir()
    program = home / PREPARER
    program.write_text('#!/bin/sh\ncat "$2"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}:{os.environ['PATH']}")
    return program


def _apertium(place: Path, **more: Any) -> Apertium:
    return Apertium(Settings(kind="apertium", modes=str(place), **more))


def test_pairs_are_found_by_their_modes(tmp_path: Path) -> None:
    names = ("eng__spa", "spa__eng_US", "en__gl", "oci__fra", "nob__nno_e", "a__b__c", "README")
    _modes(tmp_path, **dict.fromkeys(names, ""))
    assert _apertium(tmp_path).pairs == [
        ("en", "es"), ("en", "gl"), ("es", "en-us"), ("nb", "nn-e"), ("oc", "fr"),
    ]  # fmt: skip
    assert _apertium(tmp_path / "missing").pairs == []


@pytest.mark.parametrize(
    ("source", "target"), [("en", "fr"), ("fr", "en"), ("en", "not a tag"), ("", "")]
)
async def test_a_pair_that_is_not_installed_is_a_reason(
    tmp_path: Path, source: str, target: str
) -> None:
    translator = _apertium(_modes(tmp_path, eng__spa="cat"))
    (done,) = await translator.translate(["x"], source, target)
    assert done.text is None
    assert "has no translation" in str(done.reason)


@pytest.mark.usefixtures("preparer")
async def test_a_pipeline_that_answers_is_believed(tmp_path: Path) -> None:
    translator = _apertium(_modes(tmp_path, eng__spa="cat"), batch=7)
    texts = [f"text {n}" for n in range(30)]
    done = await translator.translate(texts, "en", "es")
    assert [each.text for each in done] == texts
    await translator.close()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exit 1", "Apertium failed."),
        ("head -c 3", "Apertium failed."),
        ("yes", "Apertium failed."),
        ("sed -uz s/]//", "Apertium failed."),
        ("tr -d '\\000'", "Apertium did not answer in time."),
        ("cat > /dev/null", "Apertium did not answer in time."),
        ("sleep 60", "Apertium did not answer in time."),
    ],
)
@pytest.mark.usefixtures("preparer")
async def test_programs_that_misbehave_are_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: str
) -> None:
    monkeypatch.setattr(apertium, "MAX_ANSWER", 4096)
    timeout = 0.2 if "in time" in words else 5.0
    translator = _apertium(_modes(tmp_path, eng__spa=line), timeout=timeout)
    done = await translator.translate(["one", "two"], "en", "es")
    assert done == [Translation(None, words)] * 2
    (pipeline,) = translator._pipelines.values()
    assert pipeline._process is None
    await translator.close()


async def test_apertium_that_is_not_installed_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    translator = _apertium(_modes(tmp_path, eng__spa="cat"))
    assert await translator.translate(["x"], "en", "es") == [Translation(None, "Apertium failed.")]
    with pytest.raises(Unavailable, match="not installed"):
        await translator.look()


@pytest.mark.usefixtures("preparer")
async def test_the_operator_sees_its_pairs(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no pair"):
        await _apertium(tmp_path).look()
    _modes(tmp_path, eng__spa="cat", spa__eng="cat")
    assert await _apertium(tmp_path).look() == "Apertium: en to es, es to en"


@pytest.mark.usefixtures("preparer")
async def test_only_so_many_pipelines_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apertium, "MAX_PIPELINES", 2)
    translator = _apertium(_modes(tmp_path, eng__spa="cat", eng__fra="cat", eng__ita="cat"))
    for target in ("es", "fr", "it", "es"):
        assert await translator.translate(["x"], "en", target) == [Translation("x")]
    assert [mode.stem for mode in translator._pipelines] == ["eng-ita", "eng-spa"]
    await translator.close()
