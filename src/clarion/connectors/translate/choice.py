"""Which translation service the settings ask for."""

from __future__ import annotations

from clarion.connectors.translate.apertium import Apertium
from clarion.connectors.translate.libretranslate import LibreTranslate
from clarion.engine.messages.translation import Translator
from clarion.settings import Translation


def translator_for(settings: Translation) -> Translator | None:
    """None: the installation does not translate."""
    if settings.kind == "libretranslate":
        return LibreTranslate(settings)
    return Apertium(settings) if settings.kind == "apertium" else None
