"""Which requests need steps, and which jobs share a transaction."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from tests.factories import a_request

from clarion.engine.messages.jobs import Job, batches
from clarion.engine.messages.model import Options
from clarion.engine.messages.plan import NO_OPTIONS, Plan, asks_for_steps, has_rules
from clarion.engine.senders.model import Ownership, Sender, SenderState

ONE = "+4915112345678"
SENDER = Sender(
    company_id=1,
    id=UUID(int=1),
    application_id=None,
    address="12125550100",
    type_id="LONGCODE",
    class_id="NOTIFICATIONS",
    ownership=Ownership.PRIVATE,
    state=SenderState.ACTIVE,
    connector=None,
    throughput=None,
    capabilities=("SMS",),
)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"body": "Only $5! The #1 deal"},
        {"options": Options(price_threshold=1.0, src_language="de")},
        {"options": Options(sender_id_sort_criteria=["PRICE"])},
        {"scheduled_zone": "UTC"},
        {"test": True},
    ],
)
def test_most_requests_take_the_short_way(more: dict[str, Any]) -> None:
    assert not asks_for_steps(a_request(ONE, "nobody", **more))


@pytest.mark.parametrize(
    "more",
    [
        {"consent_requirement": "OPT_IN"},
        {"scheduled_zone": "LOCAL"},
        {"body": "Hello $name"},
        {"body": '#parse("x")'},
        {"body": 'See #track("https://a.example")'},
        {"sender": "channel:x"},
        {"sender": "Channel-x"},
        {"options": Options(translate=True)},
        {"options": Options(media_urls=["https://a.example"])},
        {"options": Options(attachments=["x"])},
        {"options": Options(failover="SMS")},
        {"options": Options(group_mms=True)},
        {"options": Options(criteria="{}")},
    ],
)
def test_what_needs_steps_says_so(more: dict[str, Any]) -> None:
    assert asks_for_steps(a_request(ONE, **more))


@pytest.mark.parametrize("to", ["ann@example.com", "contact:x", "group:x", "psh:apn@x@y"])
def test_other_recipients_than_numbers_need_steps(to: str) -> None:
    assert asks_for_steps(a_request(ONE, to))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, False),
        ({"consent_managed_by": "SCG"}, False),
        ({"consent_managed_by": "SCG_UNSOLICITED_OPT_OUT"}, True),
        ({"check_white_list": True}, True),
        ({"templates_only": True}, True),
        ({"message_templates": ("x",)}, True),
        ({"parent_templates": ("x",)}, True),
        ({"window": "{}"}, True),
    ],
)
def test_some_sender_ids_have_rules(more: dict[str, Any], *, expected: bool) -> None:
    assert has_rules(replace(SENDER, **more)) is expected


# ---------------------------------------------------------------- batches


def _job(number: int, count: int, *, company: int = 1, small: bool = True) -> Job:
    plan = Plan(
        company_id=company,
        request_id=UUID(int=number),
        application_id=1,
        body="",
        recipients=[ONE] * count,
        options=NO_OPTIONS,
        requirement="NONE",
        test=False,
        paused=False,
        scheduled_at=None,
        local=False,
        expires_at=None,
        media=(),
        sender=SENDER,
        channel=None,
    )
    return Job(plan, 0, None, 0, set(), small, plain=False)


def _shape(found: list[list[Job]]) -> list[list[int]]:
    return [[job.plan.request_id.int for job in batch] for batch in found]


def test_small_jobs_of_a_company_share_a_transaction() -> None:
    jobs = [_job(n, 10) for n in range(1, 4)]
    assert _shape(batches(jobs, 100)) == [[1, 2, 3]]


def test_a_batch_is_no_more_than_a_chunk() -> None:
    jobs = [_job(n, 40) for n in range(1, 6)]
    assert _shape(batches(jobs, 100)) == [[1, 2], [3, 4], [5]]


def test_large_jobs_and_other_companies_stand_alone() -> None:
    jobs = [_job(1, 10), _job(2, 5, small=False), _job(3, 10, company=2), _job(4, 10)]
    assert _shape(batches(jobs, 100)) == [[1, 4], [2], [3]]


def test_what_has_failed_is_tried_alone() -> None:
    jobs = [_job(n, 10) for n in range(1, 4)]
    assert _shape(batches(jobs, 100, alone={UUID(int=2)})) == [[1, 3], [2]]
