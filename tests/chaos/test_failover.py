"""Several processes on one database: what one of them drops, another picks up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from .load import Clients, Ledger
from .plan import Plan, make_plan
from .scene import Scene, a_scene, gather_evidence, settle
from .stage import Gateway
from .storm import Diary, Kill
from .verdict import failures

LEASE = 2.0
TAKE_OVER = LEASE + LEASE / 4 + 10.0  # it lapses, is noticed, and binds: on a slow machine
SECONDS = 4.0
PLAN = make_plan(seed=5, seconds=SECONDS, messages=1000)
CALM = 30.0
SLOW = 300  # ms until the carrier answers, so that a kill always finds something in flight


async def test_another_node_takes_over_binds_and_claims_within_the_lease(tmp_path: Path) -> None:
    async with (
        a_scene(tmp_path, lease=LEASE, answer_delay=SLOW) as scene,
        _nodes(scene, 2) as nodes,
    ):
        await _until(scene, lambda binds: sorted(binds.values()) == [1, 1])
        first, second = nodes
        diary = Diary()

        async def storm() -> None:
            await _until_both_have_claims(scene)
            await first.kill()
            diary.kills.append(Kill(time.time(), await scene.record.claimed()))
            await _until(scene, lambda binds: list(binds.values()) == [2], seconds=TAKE_OVER)

        wrong = await _run(PLAN, scene, [second], diary, storm)
        assert wrong == []
        assert diary.kills[0].claimed, "the kill should have found messages in flight"


async def test_a_node_that_comes_back_gets_its_share_of_the_binds(tmp_path: Path) -> None:
    async with a_scene(tmp_path, lease=LEASE) as scene, _nodes(scene, 2) as nodes:
        await _until(scene, lambda binds: sorted(binds.values()) == [1, 1])
        await nodes[0].kill()
        await _until(scene, lambda binds: list(binds.values()) == [2])
        nodes[0].allow()
        await _until(scene, lambda binds: sorted(binds.values()) == [1, 1])
        await scene.smsc.until(lambda stats: stats["receivers"] == 2)


async def test_a_node_that_was_stopped_for_long_does_not_send_what_others_have(
    tmp_path: Path,
) -> None:
    """As when its machine was suspended: its claims were taken over meanwhile."""
    async with (
        a_scene(tmp_path, lease=LEASE, answer_delay=SLOW) as scene,
        _nodes(scene, 2) as nodes,
    ):
        await _until(scene, lambda binds: sorted(binds.values()) == [1, 1])
        first, second = nodes
        diary = Diary()

        async def storm() -> None:
            await _until_both_have_claims(scene)
            first.freeze()
            at, claimed = time.time(), await scene.record.claimed()
            await _until(scene, lambda binds: list(binds.values()) == [2])
            first.thaw()
            diary.kills.append(Kill(at, claimed))
            await _until(scene, lambda binds: sorted(binds.values()) == [1, 1])

        assert await _run(PLAN, scene, [second], diary, storm) == []


async def test_a_worker_that_is_killed_is_replaced_and_loses_nothing(tmp_path: Path) -> None:
    async with a_scene(tmp_path, lease=LEASE) as scene:
        gateway = Gateway(tmp_path, scene.config, words=("--workers", "2"))
        await gateway.start()
        try:
            await _until(scene, lambda binds: sorted(binds.values()) == [1, 1])
            diary = Diary()

            async def storm() -> None:
                await asyncio.sleep(SECONDS / 3)
                gateway.kill_child()
                diary.kills.append(Kill(time.time(), await scene.record.claimed()))
                await _until(scene, lambda binds: sorted(binds.values()) == [1, 1])

            assert await _run(PLAN, scene, [gateway], diary, storm) == []
        finally:
            await gateway.stop()


# ---------------------------------------------------------------- steps


async def _until_both_have_claims(scene: Scene) -> None:
    async with asyncio.timeout(CALM):
        while len(await scene.record.read("claiming")) < 2:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _nodes(scene: Scene, count: int) -> AsyncIterator[list[Gateway]]:
    nodes = [Gateway(scene.home, scene.config, name=f"node{n}") for n in range(count)]
    try:
        await asyncio.gather(*(node.start() for node in nodes))
        yield nodes
    finally:
        await asyncio.gather(*(node.stop() for node in nodes))


async def _run(
    plan: Plan,
    scene: Scene,
    gateways: list[Gateway],
    diary: Diary,
    storm: Callable[[], Awaitable[None]],
) -> list[str]:
    """Load through these gateways while the storm goes on; what is wrong afterwards."""
    ledger, begun = Ledger(), time.time()
    clients = Clients([gateway.url for gateway in gateways], scene.tenants, ledger)
    await asyncio.gather(
        clients.send_all(plan, begun, until=begun + plan.seconds + CALM),
        storm(),
    )
    unfinished = await settle(scene, CALM)
    return failures(
        await gather_evidence(
            plan, ledger, diary, (), record=scene.record, smsc=scene.smsc, unfinished=unfinished
        )
    )


async def _until(
    scene: Scene, wanted: Callable[[dict[str, int]], bool], *, seconds: float = 20.0
) -> None:
    """Until the living nodes hold binds as wanted."""
    deadline = time.monotonic() + seconds
    while not wanted(binds := await scene.record.nodes()):
        assert time.monotonic() < deadline, binds
        await asyncio.sleep(0.05)
