"""Price lists as CSV: a heading, then one rate a line.

    sender_type,medium,country,operator,price
    *,SMS,*,,0.05
    LONGCODE,SMS,US,,0.0075

Columns may come in any order; only `price` and `country` are required. A blank or `*` is any. A
column `company` makes a rate one company's own.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

from clarion.engine.billing.model import (
    ANY,
    EVERY_COMPANY,
    Rate,
    parse_amount,
    parse_country,
    parse_name,
    parse_operator,
)
from clarion.errors import InvalidInput
from clarion.kit.words import counted

COLUMNS = frozenset({"company", "sender_type", "medium", "country", "operator", "price"})
REQUIRED = ("country", "price")
MAX_RATES = 100_000  # every node holds them in memory
MAX_LINE = 2_000
MAX_PROBLEMS = 20
_COMPANY = re.compile(r"[1-9][0-9]{0,8}")


def read_rates(lines: Iterable[str]) -> Iterator[Rate]:
    """Every rate, as lines come. InvalidInput at the end, or at MAX_PROBLEMS, names each line that
    cannot be read and why."""
    reader = csv.reader(_bounded(lines), strict=True)
    problems: list[str] = []
    try:
        columns = _heading(next(reader, []))
        for number, cells in enumerate(reader):
            if number >= MAX_RATES:
                raise InvalidInput(f"A price list has at most {MAX_RATES} rates.")
            try:
                if cells:
                    yield _rate(columns, cells)
            except InvalidInput as error:
                problems.append(f"line {reader.line_num}: {error.message}")
            if len(problems) == MAX_PROBLEMS:
                break
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: not CSV: {error}")
    if problems:
        raise InvalidInput("\n".join(problems))


def _bounded(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            raise InvalidInput(f"line {number}: it has more than {MAX_LINE} characters.")
        yield line.removeprefix("\ufeff") if number == 1 else line


def _heading(cells: list[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    wrong = [name for name in columns if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in columns]
    if wrong or missing or len(set(columns)) < len(columns):
        raise InvalidInput(
            "line 1: the heading names each column once, of "
            f"{', '.join(sorted(COLUMNS))}; {' and '.join(REQUIRED)} are required."
        )
    return columns


def _rate(columns: list[str], cells: list[str]) -> Rate:
    if len(cells) != len(columns):
        raise InvalidInput(
            f"{counted(len(cells), 'value')} under {counted(len(columns), 'column')}."
        )
    given = dict(zip(columns, cells, strict=True))
    return Rate(
        company_id=_company(given.get("company", "")),
        sender_type=parse_name(given.get("sender_type", ""), field="sender_type"),
        medium=parse_name(given.get("medium", ""), field="medium"),
        country=parse_country(given["country"]),
        operator=parse_operator(given.get("operator", "")),
        price=parse_amount(given["price"].strip(), field="price"),
    )


def _company(text: str) -> int:
    number = text.strip()
    if number in {"", ANY}:
        return EVERY_COMPANY
    if not _COMPANY.fullmatch(number):
        raise InvalidInput(f"company: {number[:40]!r} is not a company's id.", field="company")
    return int(number)
