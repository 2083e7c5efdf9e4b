"""What must be true when it is over. Each check answers what is wrong, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from clarion.engine.messages.receipts import normal_id
from clarion.kit import ids

from . import duplicates
from .evidence import Evidence, Row
from .plan import Order

Check = Callable[[Evidence], Iterator[str]]
COUNTERS = (
    "recipient_count",
    "pending_count",
    "sent_count",
    "delivered_count",
    "read_count",
    "converted_count",
    "canceled_count",
    "failed_count",
)
SHOWN = 5
STATES = {"DELIVRD": "DELIVERED", "UNDELIV": "FAILED"}


def failures(evidence: Evidence) -> list[str]:
    """All that is wrong; a check that fails often shows its first few."""
    found: list[str] = []
    for check in CHECKS:
        wrong = list(check(evidence))
        found += [f"{check.__name__}: {words}" for words in wrong[:SHOWN]]
        if len(wrong) > SHOWN:
            found.append(f"{check.__name__}: {len(wrong)} in all")
    return found


def nothing_is_stuck(evidence: Evidence) -> Iterator[str]:
    for what, count in evidence.unfinished.items():
        yield f"{count} of {what} are left"


def no_good_request_is_refused(evidence: Evidence) -> Iterator[str]:
    for order, status, words in evidence.ledger.refused:
        yield f"{order.external_id} to {order.to[0]}: {status} {words}"


def every_acknowledged_request_is_stored(evidence: Evidence) -> Iterator[str]:
    for request_id, order in evidence.ledger.acknowledged.items():
        row = evidence.requests.get(_plain(request_id))
        if row is None:
            yield f"{request_id} ({order.external_id}) is gone"
        elif row["recipient_count"] != len(order.to):
            yield f"{request_id} has {row['recipient_count']} messages, not {len(order.to)}"


def every_acknowledged_message_reached_the_carrier(evidence: Evidence) -> Iterator[str]:
    for order in evidence.ledger.acknowledged.values():
        for number, part in _pieces(order):
            if not evidence.copies.get((number, part)):
                message = evidence.message_of(number)
                yield f"{number} part {part}: never came; the gateway says {_told(message)}"


def every_repetition_was_in_flight(evidence: Evidence) -> Iterator[str]:
    for number, reason in duplicates.repetitions(evidence):
        if reason == duplicates.UNEXPLAINED:
            yield f"{number}: {_story(evidence, number)}"


def an_external_id_makes_one_request(evidence: Evidence) -> Iterator[str]:
    for external_id, answered in evidence.ledger.ids.items():
        if len(answered) > 1:
            yield f"{external_id} was answered {sorted(answered)}"
    stored = Counter(
        (row["application_id"], row["external_id"])
        for row in evidence.requests.values()
        if row["external_id"]
    )
    for (_, external_id), count in stored.items():
        if count > 1:
            yield f"{external_id} is stored {count} times"


def every_acknowledged_receipt_is_recorded(evidence: Evidence) -> Iterator[str]:
    for row in evidence.settled:
        if row["kind"] == "receipt":
            yield from _check_receipt(evidence, row)


def _check_receipt(evidence: Evidence, row: Row) -> Iterator[str]:
    known = normal_id(row["id"])
    fragment = evidence.fragments.get(known)
    if fragment is None:
        if known not in evidence.unmatched:
            yield f"receipt {row['id']} {row['state']} is neither matched nor kept"
        return
    wanted = STATES[row["state"]]
    message = evidence.messages[fragment["message_id"]]
    state = message["state"] if fragment["total"] == 1 else fragment["state"]
    if state != wanted:
        yield f"receipt {row['id']} says {wanted}, its message {_told(message)}"


def no_receipt_of_a_known_part_is_left_aside(evidence: Evidence) -> Iterator[str]:
    for external_id in evidence.unmatched & evidence.fragments.keys():
        yield f"{external_id} is unmatched though its part is known"


def long_messages_are_the_sum_of_their_parts(evidence: Evidence) -> Iterator[str]:
    parts: dict[str, list[str | None]] = defaultdict(list)
    for fragment in evidence.fragments.values():
        if fragment["total"] > 1:
            parts[fragment["message_id"]].append(fragment["state"])
    for message_id, states in parts.items():
        message = evidence.messages[message_id]
        wanted = "FAILED" if "FAILED" in states else "DELIVERED"
        if message["state"] in STATES.values() and message["state"] != wanted:
            yield f"{message_id} is {_told(message)}, its parts {states}"


def every_acknowledged_answer_is_recorded(evidence: Evidence) -> Iterator[str]:
    """Of subscribers' messages: whole, and twice only if the SMSC sent a piece of it twice."""
    stored = Counter(
        (m["peer_address"], m["body"]) for m in evidence.messages.values() if m["direction"] == "MO"
    )
    sends: dict[str, list[int]] = defaultdict(list)
    for row in evidence.settled:
        if row["kind"] == "inbound":
            sends[row["source"]].append(row["sends"])
    for answer in evidence.injected:
        taken = sends[answer.source]
        count = stored[f"+{answer.source}", "".join(answer.pieces)]
        if len(taken) != len(answer.pieces):
            yield f"{answer.source}: {len(taken)} of {len(answer.pieces)} pieces acknowledged"
        elif not count:
            yield f"{answer.source}: acknowledged and not stored"
        elif count > max(taken):
            yield f"{answer.source}: stored {count} times, sent {taken} times"


def counters_equal_the_messages(evidence: Evidence) -> Iterator[str]:
    for request_id, row in evidence.requests.items():
        told = evidence.recounted.get(request_id)
        for name in COUNTERS:
            count = told[name] if told else 0
            if row[name] != count:
                yield f"{request_id}: {name} is {row[name]}, its messages say {count}"


def every_message_came_to_its_end(evidence: Evidence) -> Iterator[str]:
    """Delivered, or failed because a receipt said so: tries enough are given for all else."""
    undelivered = {row["id"] for row in evidence.settled if row.get("state") == "UNDELIV"}
    reported = {
        number
        for (number, _), copies in evidence.copies.items()
        if any(copy.id in undelivered for copy in copies)
    }
    for message in evidence.messages.values():
        number, failed = message["peer_address"][1:], message["state"] == "FAILED"
        good = message["state"] == "DELIVERED" or (failed and number in reported)
        if message["direction"] == "MT" and not good:
            yield f"{message['id']} to {number} is {_told(message)}"
        elif failed and not message["failure_details"]:
            yield f"{message['id']} failed and does not say why"


CHECKS: tuple[Check, ...] = (
    nothing_is_stuck,
    no_good_request_is_refused,
    every_acknowledged_request_is_stored,
    every_acknowledged_message_reached_the_carrier,
    every_repetition_was_in_flight,
    an_external_id_makes_one_request,
    every_acknowledged_receipt_is_recorded,
    no_receipt_of_a_known_part_is_left_aside,
    long_messages_are_the_sum_of_their_parts,
    every_acknowledged_answer_is_recorded,
    counters_equal_the_messages,
    every_message_came_to_its_end,
)


def _pieces(order: Order) -> Iterator[tuple[str, int]]:
    return ((to[1:], part) for to in order.to for part in range(1, order.parts + 1))


def _plain(shown: str) -> str:
    return str(ids.parse(shown))


def _told(message: Row | None) -> str:
    if message is None:
        return "nothing"
    return f"{message['state']} ({message['failure_details'] or 'no details'})"


def _story(evidence: Evidence, number: str) -> str:
    message = evidence.message_of(number)
    copies = [
        f"{copy.at:.2f} on {copy.connection} (ended {evidence.ends.get(copy.connection)})"
        for (other, _), found in evidence.copies.items()
        if other == number
        for copy in found
    ]
    kills = [
        f"{kill.at:.2f}{' claimed' if message and message['id'] in kill.claimed else ''}"
        for kill in evidence.diary.kills
    ]
    return f"copies at {copies}, kills at {kills}"
