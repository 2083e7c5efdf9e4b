"""All doors, in one list."""

from __future__ import annotations

from clarion.api import docs, ess, links, sandbox, scg, system, tokens
from clarion.api.call import Door
from clarion.api.services import Services


def all_doors(services: Services) -> list[Door]:
    """The doors of this process; the first one answers for addresses that no door has."""
    doors = [system.door(), tokens.door(), links.door(), sandbox.door()]
    doors += [*scg.doors(), ess.door()]
    return [*doors, docs.door(doors)]
