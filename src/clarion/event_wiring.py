"""The part of the composition root that is about events: who matches and collects them."""

from __future__ import annotations

from uuid import UUID

from clarion.engine.events.announcing import ANNOUNCED_CHANNEL
from clarion.engine.events.files.keeper import AT_ONCE as FILES_AT_ONCE
from clarion.engine.events.files.keeper import FileKeeper
from clarion.engine.events.files.model import FILES_CHANNEL
from clarion.engine.events.files.tasks import file_jobs
from clarion.engine.events.matching.interest import Interests
from clarion.engine.events.matching.matcher import Matcher
from clarion.engine.events.model import DELIVERIES_CHANNEL
from clarion.engine.events.streaming.tasks import stream_jobs
from clarion.engine.events.subscriptions.tasks import subscription_jobs
from clarion.engine.events.tasks import event_jobs
from clarion.engine.messages.announcing import TOPIC as MESSAGE_TOPIC
from clarion.engine.messages.announcing import describe
from clarion.jobs.loops import Loops
from clarion.jobs.runner import Job
from clarion.settings import Settings
from clarion.storage.database import Database
from clarion.storage.files import FileStore

EVENTS = "events"
MATCH_POLL_SECONDS = 0.1  # what the statements of messages announce comes without a hint


class EventWork:
    """What one node does about events, by its roles."""

    def __init__(
        self, db: Database, settings: Settings, files: FileStore, loops: Loops, *, node_id: UUID
    ) -> None:
        self._db = db
        self._settings = settings
        self._files = files
        self._loops = loops
        self._node_id = node_id
        self.interests = Interests()

    async def start(self) -> None:
        """Of every node: those with the api role publish events themselves."""
        await self.interests.listen(self._db)

    async def start_events(self) -> None:
        """Of the role events."""
        matcher = Matcher(
            self._db, self.interests, {MESSAGE_TOPIC: describe}, delivered=self._tell_delivered
        )
        await self._loops.work_on(
            "match events", matcher.step, hints=ANNOUNCED_CHANNEL, poll=MATCH_POLL_SECONDS
        )

    async def start_jobs(self) -> None:
        """Of the role jobs."""
        keeper = FileKeeper(
            self._db,
            self._files,
            node_id=self._node_id,
            address=self._settings.http.address,
            kept_days=self._settings.events.file_days,
        )
        for _ in range(FILES_AT_ONCE):
            await self._loops.work_on("event files", keeper.step, hints=FILES_CHANNEL)

    def jobs(self) -> list[Job]:
        return [
            *file_jobs(
                self._db,
                self._files,
                address=self._settings.http.address,
                listed_days=self._settings.retention.event_days,
            ),
            *event_jobs(self._db),
            *subscription_jobs(self._db),
            *stream_jobs(self._db),
        ]

    def _tell_delivered(self) -> None:
        """There is something to be delivered."""
        self._db.hint(DELIVERIES_CHANNEL)
