"""Access tokens in the accounts of contacts: sealed at rest.

SCG reference, Contact, customer_account_list: an account may hold a token to it. A company's own
programs get back what they have stored; whatever else reads contacts (templates, fast access
rules, criteria, exports) sees the accounts without their tokens.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from clarion.engine.contacts.documents import read_objects
from clarion.errors import ValueTooLong
from clarion.kit.vault import SealedForAnother, Vault

ACCOUNTS = "account_list"
TOKEN = "access_token"  # noqa: S105 - a name
MAX_TOKEN = 8192  # characters
_SEALED = "sealed"

Account = dict[str, Any]


def read_accounts(value: Any) -> list[Account]:
    """A list of objects whose tokens are texts. ValueError, ValueTooLong: it is none."""
    accounts = read_objects(value)
    for place, account in enumerate(accounts, 1):
        token = account.get(TOKEN)
        if token is not None and not isinstance(token, str):
            raise ValueError(f"entry {place}: {TOKEN} must be a text")
        if token is not None and len(token) > MAX_TOKEN:
            raise ValueTooLong(f"entry {place}: {TOKEN}: at most {MAX_TOKEN} characters.")
    return accounts


def seal_accounts(vault: Vault, company_id: int, values: dict[str, Any]) -> dict[str, Any]:
    """Attributes, read already, as they are stored."""
    accounts = values.get(ACCOUNTS)
    if not accounts or not any(account.get(TOKEN) for account in accounts):
        return values
    owner = _owner(company_id)

    def sealed(account: Account) -> Account:
        if not (token := account.get(TOKEN)):
            return account
        return account | {TOKEN: {_SEALED: b64encode(vault.seal(token, owner=owner)).decode()}}

    return values | {ACCOUNTS: [sealed(account) for account in accounts]}


def open_accounts(
    vault: Vault, company_id: int, accounts: Sequence[Mapping[str, Any]]
) -> list[Account]:
    """As the company wrote them. What was sealed under another key is left out."""
    return [_opened(vault, company_id, account) for account in accounts]


def hide_tokens(accounts: Sequence[Mapping[str, Any]]) -> list[Account]:
    """For everything else that reads contacts."""
    return [{name: v for name, v in each.items() if name != TOKEN} for each in accounts]


def _opened(vault: Vault, company_id: int, account: Mapping[str, Any]) -> Account:
    token = account.get(TOKEN)
    opened = dict(account)
    if isinstance(token, dict):
        try:
            opened[TOKEN] = vault.open(b64decode(token[_SEALED]), owner=_owner(company_id))
        except SealedForAnother:
            del opened[TOKEN]
    return opened


def _owner(company_id: int) -> str:
    return f"accounts of contacts of company {company_id}"
