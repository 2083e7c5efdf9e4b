"""What every step is given: the messages-to-be of one company, and what to work on them with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clarion.engine.messages.steps.candidate import Candidate
from clarion.engine.messages.steps.means import Means
from clarion.engine.messages.store.rows import Runner


@dataclass(frozen=True)
class Chunk:
    """Up to some thousand messages-to-be of one company. `on` runs statements: each by itself
    before the transaction, then in it."""

    means: Means
    on: Runner
    company_id: int
    now: datetime
    candidates: Sequence[Candidate]
    performed: Counter[UUID]  # texts given to the translation service, by request

    def going(self) -> list[Candidate]:
        """Those that nothing has stopped."""
        return [c for c in self.candidates if c.code is None]
