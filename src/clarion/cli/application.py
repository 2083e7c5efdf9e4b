"""`clarion application`: the programs of companies, and their access tokens."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from clarion.cli.output import print_facts, print_rows
from clarion.cli.place import ConfigOption, DataOption, JsonOption, find_place
from clarion.cli.reach import with_database
from clarion.engine.accounts import service, tokens
from clarion.engine.accounts.model import NewToken
from clarion.storage.database import Database

COLUMNS = ("id", "company_id", "name", "consumer_key", "rate_limit", "created_at")
app = typer.Typer(
    no_args_is_help=True, help="Applications: programs that call the API, and their tokens."
)

CompanyArgument = Annotated[int, typer.Argument(metavar="COMPANY", help="The company's id.")]
ApplicationArgument = Annotated[
    int, typer.Argument(metavar="APPLICATION", help="The application's id.")
]


@app.command()
def create(
    company: CompanyArgument,
    name: Annotated[str, typer.Argument(help="Its name, unique in its company.")],
    *,
    rate_limit: Annotated[
        float | None,
        typer.Option(min=0, help="Requests a second; 0 for no limit. Default: http.rate_limit."),
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an application. Its consumer secret is shown this once."""

    async def make(db: Database) -> dict[str, object]:
        made = await service.create_application(db, company, name=name, rate_limit=rate_limit)
        return {**asdict(made.application), "consumer_secret": made.consumer_secret}

    print_facts(with_database(find_place(data, config), make), as_json=as_json)


@app.command("list")
def list_(
    *,
    company: Annotated[int | None, typer.Option(metavar="ID", help="Only this company's.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show applications."""
    place = find_place(data, config)
    found = with_database(place, lambda db: service.list_applications(db, company))
    print_rows([asdict(application) for application in found], COLUMNS, as_json=as_json)


@app.command()
def token(
    application: ApplicationArgument,
    *,
    validity: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long it lives; 0: for ever.")
    ] = 0,
    revoke: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help="Kill this token in place of making one."),
    ] = None,
    revoke_all: Annotated[
        bool, typer.Option("--revoke-all", help="Kill all of the application's tokens.")
    ] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an access token, which is shown this once; or revoke tokens."""
    if revoke and revoke_all:
        raise typer.BadParameter("Choose one of --revoke and --revoke-all.")

    async def work(db: Database) -> dict[str, object]:
        owner = await service.get_application(db, application)
        ids = owner.company_id, owner.id
        if revoke_all:
            return {"revoked": await tokens.revoke_all_tokens(db, *ids)}
        if revoke:
            await tokens.revoke_token(db, *ids, token=revoke)
            return {"revoked": 1}
        return _shown(await tokens.issue_token(db, *ids, validity_s=validity))

    print_facts(with_database(find_place(data, config), work), as_json=as_json)


def _shown(made: NewToken) -> dict[str, object]:
    return {"token": made.token, "expires_at": made.expires_at}
