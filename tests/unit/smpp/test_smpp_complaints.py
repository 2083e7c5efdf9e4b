"""A peer that is wrong a thousand times a second fills no log."""

from __future__ import annotations

from clarion import log
from clarion.connectors.smpp.complaints import Complaints


def test_one_warning_a_second_and_the_count_of_the_rest() -> None:
    complaints = Complaints(log.get_logger("test"), every=3600)
    with log.capture() as lines:
        for number in range(1000):
            complaints.warn("smpp.malformed", number=number)
    assert [(line["number"], line["unsaid"]) for line in lines] == [(0, 0)]


def test_what_was_left_out_is_counted() -> None:
    complaints = Complaints(log.get_logger("test"), every=3600)
    with log.capture() as lines:
        for number in range(3):
            complaints.warn("smpp.malformed", number=number)
        complaints._last -= 3600
        complaints.warn("smpp.malformed", number=3)
    assert [(line["number"], line["unsaid"]) for line in lines] == [(0, 0), (3, 2)]
