"""Apertium: rule-based translation by programs on this machine, offline.

Each direction is a pipeline of programs (`/usr/share/apertium/modes/eng-spa.mode`), started when it
is first needed and kept: starting one costs a tenth of a second, a text then a millisecond. Texts
go in and come out ended by NUL. What is not to be translated travels as a superblank, `[...]`,
which no program touches.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from clarion.connectors.translate.languages import best_match, tag_of
from clarion.engine.messages.translation import PLACE, Translation
from clarion.errors import Unavailable
from clarion.log import get_logger
from clarion.settings import Translation as Settings

PREPARER = "apertium-wblank-mode"
"""Makes of a mode the pipeline that answers each text at once."""

MAX_PIPELINES = 8
END = b"[]\0"  # lt-proc passes NUL on only once it has seen something before it
MAX_ANSWER = 1 << 20  # bytes
END_SECONDS = 2.0
STARTING = "apertium.starting"
FAILED = "apertium.failed"

_SPECIAL = re.compile(r"[\\\[\]{}^$/<>@*|]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BLANK = re.compile(r"\[(\{\d{1,3}\}|~)\]")
_MODE = re.compile(r"([a-z]{2,3}(?:_[A-Za-z]+)?)-([a-z]{2,3}(?:_[A-Za-z]+)?)")

log = get_logger(__name__)

Pairs = Mapping[tuple[str, str], Path]


def installed_pairs(directory: Path) -> dict[tuple[str, str], Path]:
    """Directions of translation that are installed, by our language tags."""
    found: dict[tuple[str, str], Path] = {}
    for mode in sorted(directory.glob("*.mode")):
        named = _MODE.fullmatch(mode.stem)
        if named is None:  # a mode for debugging
            continue
        source, target = tag_of(named[1]), tag_of(named[2])
        if source is not None and target is not None:
            found[source, target] = mode
    return found


class Apertium:
    """A Translator. Looks once which pairs there are: what is installed later needs a restart."""

    def __init__(self, settings: Settings) -> None:
        self._pairs = installed_pairs(Path(settings.modes))
        self._batch = settings.batch
        self._timeout = settings.timeout
        self._pipelines: dict[Path, _Pipeline] = {}

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """What it can translate from and into."""
        return sorted(self._pairs)

    async def look(self) -> str:
        if shutil.which(PREPARER) is None:
            raise Unavailable("Apertium is not installed")
        if not self._pairs:
            raise Unavailable("Apertium has no pair of languages")
        return "Apertium: " + ", ".join(f"{source} to {target}" for source, target in self.pairs)

    async def translate(self, texts: Sequence[str], source: str, target: str) -> list[Translation]:
        mode = _mode(self._pairs, source, target)
        if mode is None:
            words = f"Apertium has no translation from {source[:35]} to {target[:35]} here."
            return [Translation(None, words)] * len(texts)
        pipeline = await self._pipeline(mode)
        done: list[Translation] = []
        for start in range(0, len(texts), self._batch):
            done += await pipeline.translate(texts[start : start + self._batch])
        return done

    async def close(self) -> None:
        for pipeline in self._pipelines.values():
            await pipeline.close()
        self._pipelines.clear()

    async def _pipeline(self, mode: Path) -> _Pipeline:
        """The direction's own. Of too many, the one that has been there longest rests."""
        if mode not in self._pipelines:
            if len(self._pipelines) >= MAX_PIPELINES:
                await self._pipelines.pop(next(iter(self._pipelines))).close()
            self._pipelines.setdefault(mode, _Pipeline(mode, self._timeout))
        return self._pipelines[mode]


class _Pipeline:
    """The programs of one direction; one batch at a time. Once a batch has gone wrong its answers
    can no longer be told apart: the programs are ended, and the next batch starts them anew."""

    def __init__(self, mode: Path, timeout: float) -> None:
        self._mode = mode
        self._timeout = timeout
        self._turn = asyncio.Lock()
        self._process: Process | None = None

    async def translate(self, texts: Sequence[str]) -> list[Translation]:
        async with self._turn:
            whole = False
            try:
                async with asyncio.timeout(self._timeout):
                    done = await self._exchange(texts)
                whole = True
                return done
            except TimeoutError:
                return self._failed(texts, "Apertium did not answer in time.")
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
                return self._failed(texts, "Apertium failed.", reason=repr(error))
            finally:
                if not whole:
                    await self._end()

    async def close(self) -> None:
        async with self._turn:
            await self._end()

    async def _exchange(self, texts: Sequence[str]) -> list[Translation]:
        """Write and read at once: the pipes between the programs hold little."""
        if self._process is None:
            self._process = await _start(self._mode)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        writing = asyncio.create_task(_write(self._process.stdin, texts))
        try:
            return [await _answer(self._process.stdout, text) for text in texts]
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    def _failed(self, texts: Sequence[str], words: str, *, reason: str = "") -> list[Translation]:
        log.warning(FAILED, mode=self._mode.stem, reason=reason or words)
        return [Translation(None, words)] * len(texts)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await _drain(process)


async def _start(mode: Path) -> Process:
    """The pipeline as a shell runs it: the mode is a shell's line, with $1 how unknown words are
    shown (-n: as they are)."""
    log.info(STARTING, mode=mode.stem)
    preparer = shutil.which(PREPARER)
    shell = shutil.which("bash") or shutil.which("sh")
    if preparer is None or shell is None:
        raise OSError(f"{PREPARER} is not installed")
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}
    prepared = await asyncio.create_subprocess_exec(
        preparer, "-z", str(mode), stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, env=environment
    )
    line, _ = await prepared.communicate()
    if prepared.returncode or not line.strip():
        raise OSError(f"{PREPARER} made nothing of {mode}")
    return await asyncio.create_subprocess_exec(
        shell, "-c", line.decode(), "apertium", "-n", stdin=PIPE, stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL, env=environment, start_new_session=True,
        limit=MAX_ANSWER,
    )  # fmt: skip


async def _drain(process: Process) -> None:
    """Until it is over: asyncio sees that only once everything has been read."""
    assert process.stdout is not None
    while await process.stdout.read(MAX_ANSWER):
        pass
    await process.wait()


async def _write(to: asyncio.StreamWriter, texts: Sequence[str]) -> None:
    for text in texts:
        to.write(_marked(text).encode() + END)
        await to.drain()


async def _answer(source: asyncio.StreamReader, text: str) -> Translation:
    raw = await source.readuntil(b"\0")
    if not raw.endswith(END):
        raise ValueError("a pipeline lost the end of a text")
    translated = _plain(raw[: -len(END)].decode())
    return Translation(translated if translated.strip() or not text.strip() else text)


def _marked(text: str) -> str:
    """A text as Apertium's programs take it: special characters escaped, places as blanks."""
    pieces, place = [], 0
    for found in PLACE.finditer(text):
        pieces += [_escaped(text[place : found.start()]), f"[{found.group()}]"]
        place = found.end()
    return "".join([*pieces, _escaped(text[place:])])


def _escaped(text: str) -> str:
    """The tilde, a sign between the programs, cannot be escaped: it becomes a blank."""
    return _SPECIAL.sub(r"\\\g<0>", text.replace("\0", "")).replace("~", "[~]")


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", _BLANK.sub(r"\1", text))


def _mode(pairs: Pairs, source: str, target: str) -> Path | None:
    wanted_source, wanted_target = tag_of(source), tag_of(target)
    if wanted_source is None or wanted_target is None:
        return None
    chosen_source = best_match(wanted_source, dict.fromkeys(s for s, _ in pairs))
    targets = [t for s, t in pairs if s == chosen_source]
    chosen_target = best_match(wanted_target, targets)
    if chosen_source is None or chosen_target is None:
        return None
    return pairs[chosen_source, chosen_target]
