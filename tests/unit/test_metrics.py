"""The figures are there under their names, and labels stay few."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from tests.waiting import eventually

from clarion import metrics


def rendered() -> str:
    return metrics.render()[0].decode()


def test_a_connectors_figures_carry_its_name() -> None:
    north = metrics.connector("north")
    north.submitted.inc(3)
    north.outcome("taken", 2)
    north.receipt("DELIVRD")
    north.queue_age.set(1.5)
    text = rendered()
    assert 'clarion_parts_submitted_total{connector="north"} 3.0' in text
    assert 'clarion_part_outcomes_total{connector="north",kind="taken"} 2.0' in text
    assert 'clarion_receipts_total{connector="north",state="DELIVRD"} 1.0' in text
    assert 'clarion_queue_age_seconds{connector="north"} 1.5' in text


def test_children_are_looked_up_once() -> None:
    assert metrics.connector("once") is metrics.connector("once")


def test_http_answers_are_counted_by_door_method_and_status() -> None:
    door = metrics.HttpDoor("test")
    door.answered("GET", 200, 0.004)
    text = rendered()
    assert 'clarion_http_requests_total{door="test",method="GET",status="200"} 1.0' in text
    assert 'clarion_http_seconds_bucket{door="test",le="0.005"} 1.0' in text


def test_methods_that_clients_invent_share_one_label() -> None:
    door = metrics.HttpDoor("hostile")
    for number in range(5):
        door.answered(f"X{number}", 405, 0.001)
    assert 'door="hostile",method="other",status="405"} 5.0' in rendered()
    assert "X3" not in rendered()


@given(st.lists(st.floats(0, 20), max_size=50))
def test_a_tally_tells_what_prometheus_would_have_counted_itself(seconds: list[float]) -> None:
    registry = CollectorRegistry()
    bounds = (0.001, 0.1, 1.0, 10.0)
    direct = Histogram("direct", "x", registry=registry, buckets=bounds)
    told = Histogram("told", "x", registry=registry, buckets=bounds)
    count = Counter("count", "x", registry=registry)
    tally = metrics.Tally(told, count)
    for each in seconds:
        direct.observe(each)
        tally.add(each)  # there is no loop: told at once
    samples = {
        name: [(s.labels, pytest.approx(s.value)) for s in family.samples if s.name in wanted]
        for name, family in ((f.name, f) for f in registry.collect())
        if (wanted := {f"{name}_bucket", f"{name}_count", f"{name}_sum"})
    }
    assert samples["told"] == samples["direct"]
    assert registry.get_sample_value("count_total") == len(seconds)


async def test_what_is_tallied_is_told_soon_and_whenever_somebody_looks() -> None:
    registry = CollectorRegistry()
    tally = metrics.Tally(Histogram("soon", "x", registry=registry))
    for _ in range(3):
        tally.add(0.5)
    assert registry.get_sample_value("soon_count") == 0
    await eventually(lambda: registry.get_sample_value("soon_count") == 3)
    tally.add(0.5)
    rendered()
    assert registry.get_sample_value("soon_count") == 4
