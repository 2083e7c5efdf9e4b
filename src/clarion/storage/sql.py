"""Named SQL: each subject's queries.sql holds `-- name: purpose` lines and a statement under each.

-- insert_company: A company, as `clarion company create` makes it.
insert into company ...;
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

_HEADER = re.compile(r"^-- (?P<name>[a-z][a-z0-9_]*): (?P<purpose>.+)$", re.MULTILINE)


def load_queries(package: str) -> Mapping[str, str]:
    """The statements of `package`'s queries.sql by name. ValueError: a name is used twice."""
    text = resources.files(package).joinpath("queries.sql").read_text("utf-8")
    headers = list(_HEADER.finditer(text))
    found: dict[str, str] = {}
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        name = header["name"]
        if name in found:
            raise ValueError(f"{package}: the query {name} is named twice")
        end = following.start() if following else len(text)
        found[name] = text[header.end() : end].strip().rstrip(";")
    return MappingProxyType(found)
