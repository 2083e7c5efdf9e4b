"""`clarion credit`: what companies can spend."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated

import typer

from clarion.cli.output import console, print_facts, print_json, print_rows
from clarion.cli.place import ConfigOption, DataOption, JsonOption, Place, find_place
from clarion.cli.rates import money
from clarion.cli.reach import with_database
from clarion.engine.accounts.service import get_company
from clarion.engine.billing import service, store
from clarion.engine.billing.model import Entry, Recount, parse_amount
from clarion.storage.database import Database

COLUMNS = ("company_id", "name", "balance", "entries", "updated_at")
ENTRY_COLUMNS = ("number", "at", "kind", "amount", "balance", "messages", "reference", "note")
CHECK_COLUMNS = ("company_id", "balance", "ledger", "entries", "counted", "right")
MOST = 10_000
app = typer.Typer(no_args_is_help=True, help="Credit: what companies can spend on messages.")

CompanyArgument = Annotated[int, typer.Argument(metavar="COMPANY", help="The company's id.")]
AmountArgument = Annotated[
    str, typer.Argument(metavar="AMOUNT", help="In the currency of the settings, as 250 or 0.5.")
]
ReferenceOption = Annotated[
    str | None,
    typer.Option(
        help="Yours, as an invoice's number: a second time with the same changes nothing."
    ),
]
NoteOption = Annotated[str | None, typer.Option(help="A few words for the ledger.")]


def _entering(sign: int) -> Callable[..., None]:
    """The command that gives an amount, or takes it away."""

    def enter(
        company: CompanyArgument,
        amount: AmountArgument,
        *,
        reference: ReferenceOption = None,
        note: NoteOption = None,
        data: DataOption = None,
        config: ConfigOption = None,
        as_json: JsonOption = False,
    ) -> None:
        change = sign * parse_amount(amount, field="AMOUNT")
        place = find_place(data, config)
        entry = with_database(
            place,
            lambda db: service.add_credit(db, company, change, reference=reference, note=note),
        )
        facts = {"company_id": company, **_shown(entry), **_settings(place)}
        print_facts(facts, as_json=as_json)

    return enter


app.command("add", help="Give a company credit.")(_entering(1))
app.command("remove", help="Take credit away from a company, no more than it has.")(_entering(-1))


@app.command()
def show(
    company: CompanyArgument,
    *,
    entries: Annotated[
        int, typer.Option(min=0, max=MOST, help="How many lines of the ledger.")
    ] = 10,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a company's balance and the last entries of its ledger."""
    place = find_place(data, config)

    async def work(db: Database) -> tuple[Decimal, list[Entry]]:
        await get_company(db, company)
        balance = await service.balance_of(db, company)
        return balance, await service.last_entries(db, company, entries)

    balance, found = with_database(place, work)
    facts = {"company_id": company, "balance": money(balance), **_settings(place)}
    rows = [_shown(entry) for entry in found]
    if as_json:
        print_json({**facts, "entries": rows})
        return
    print_facts(facts, as_json=False)
    if rows:
        console.print()
        print_rows(rows, ENTRY_COLUMNS, as_json=False)


@app.command("list")
def list_(
    *, data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show every company's balance."""
    place = find_place(data, config)
    found = with_database(place, lambda db: store.balances(db, None, MOST))
    rows = [{**row, "balance": money(row["balance"])} for row in found]
    print_rows(rows, COLUMNS, as_json=as_json)


@app.command()
def check(
    company: Annotated[
        int | None, typer.Argument(metavar="[COMPANY]", help="Only this company.")
    ] = None,
    *,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count again: exit code 1 if a balance is not the sum of its ledger."""
    found: list[Recount] = with_database(
        find_place(data, config), lambda db: service.recount(db, company)
    )
    rows = [
        {
            "company_id": each.company_id,
            "balance": money(each.balance),
            "ledger": money(each.ledger),
            "entries": each.entries,
            "counted": each.counted,
            "right": each.right,
        }
        for each in found
    ]
    print_rows(rows, CHECK_COLUMNS, as_json=as_json)
    if not all(each.right for each in found):
        raise typer.Exit(1)


def _shown(entry: Entry) -> dict[str, object]:
    return {
        "number": entry.number,
        "at": entry.at,
        "kind": entry.kind.value,
        "amount": money(entry.amount),
        "balance": money(entry.balance),
        "messages": entry.messages,
        "reference": entry.reference,
        "note": entry.note,
    }


def _settings(place: Place) -> dict[str, object]:
    """What one needs to know to understand an amount."""
    billing = place.settings.billing
    return {"currency": billing.currency, "messages_are_charged": billing.enabled}
