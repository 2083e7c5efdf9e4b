"""The figures are there under their names, and labels stay few."""

from __future__ import annotations

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
