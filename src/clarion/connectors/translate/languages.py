"""Languages as clients name them and as services do.

Clients write BCP 47 tags ("en", "pt-BR"); LibreTranslate has its own list of such tags, Apertium
mixes the codes of ISO 639-1 and 639-3 ("en-gl", "eng-spa_US").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,3}")

_PAIRS = """
afr-af ara-ar arg-an bel-be bre-br bul-bg cat-ca ces-cs cym-cy dan-da deu-de eng-en epo-eo eus-eu
fin-fi fra-fr glg-gl hbs-sh hin-hi ind-id isl-is ita-it kaz-kk mkd-mk mlt-mt msa-ms nld-nl nno-nn
nob-nb nor-no oci-oc pol-pl por-pt ron-ro rus-ru slk-sk slv-sl sme-se spa-es srd-sc swe-sv tat-tt
tur-tr ukr-uk urd-ur uzb-uz zlm-ms
"""
TWO_LETTERS: Mapping[str, str] = MappingProxyType(dict(pair.split("-") for pair in _PAIRS.split()))
"""ISO 639-3 to 639-1, of the languages that Apertium has; others keep their three letters."""


def tag_of(text: str) -> str | None:
    """A language in one spelling, "pt-br"; None for what is no language tag."""
    tag = text.strip()
    if not _TAG.fullmatch(tag):
        return None
    language, *rest = re.split(r"[-_]", tag.lower())
    return "-".join([TWO_LETTERS.get(language, language), *rest])


def best_match(wanted: str, known: Iterable[str]) -> str | None:
    """Of tags in that spelling the one that serves best: the same, then the language alone, then
    the first of that language."""
    tags = list(known)
    if wanted in tags:
        return wanted
    language = wanted.partition("-")[0]
    if language in tags:
        return language
    return next((tag for tag in tags if tag.partition("-")[0] == language), None)
