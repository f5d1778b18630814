"""What a client is told that knows an event's counts at some sequence."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from domain.event_messages import TypeCounts
from domain.views import Availability
from server import live_messages
from server.live_counts import LiveCounts
from server.live_messages import Messages

EVENT = "01890000-0000-7000-8000-000000000001"
CODES = ("A", "B", "C", "D")


def copy_at(sequence: int, **held: int) -> Availability:
    """Counts with so many held of some types."""
    counts = [TypeCounts(code, 10, held.get(code, 0), 0, 10 - held.get(code, 0)) for code in CODES]
    return Availability(EVENT, sequence, 0, tuple(counts))


class Counts(LiveCounts):
    """With the messages that a feed makes of them."""

    def __init__(self, first: Availability) -> None:
        super().__init__(first)
        self.messages = Messages(self)
        self.message = self.messages.message


def told(message: bytes) -> tuple[str, Any]:
    """The event's name and its data; checks that it is one, with its sequence for an id."""
    lines = message.decode().split("\n")
    assert [line.partition(": ")[0] for line in lines] == ["id", "event", "data", "", ""]
    number, name, data = (line.partition(": ")[2] for line in lines[:3])
    decoded = msgspec.json.decode(data)
    assert decoded["sequence"] == int(number)
    assert decoded["event_id"] == EVENT
    return name, decoded


def held_of(decoded: Any) -> dict[str, int]:
    return {one["code"]: one["held"] for one in decoded["ticket_types"]}


def test_who_knows_nothing_is_told_all() -> None:
    name, data = told(Counts(copy_at(3, B=2)).message(None))
    assert (name, held_of(data)) == ("state", {"A": 0, "B": 2, "C": 0, "D": 0})
    assert data["ticket_types"][1] == {"code": "B", "quota": 10, "available": 8, "held": 2, "confirmed": 0}


def test_who_knows_a_sequence_is_told_what_has_changed_since() -> None:
    counts = Counts(copy_at(3))
    assert counts.hear(copy_at(4, B=1))
    assert counts.hear(copy_at(6, B=1, C=1))
    for since, changed in ((3, {"B": 1, "C": 1}), (4, {"C": 1})):
        name, data = told(counts.message(since))
        assert (name, data["since"], data["sequence"], held_of(data)) == ("delta", since, 6, changed)
    assert counts.message(6) == b""


def test_who_knows_what_is_unknown_here_is_told_all() -> None:
    counts = Counts(copy_at(3))
    counts.hear(copy_at(5, A=1))
    for sequence in (2, 4, 6, 10**14):
        name, data = told(counts.message(sequence))
        assert (name, data["sequence"]) == ("state", 5)


def test_the_sequence_does_not_fall() -> None:
    counts = Counts(copy_at(5, A=2))
    for sequence in (4, 5):
        assert not counts.hear(copy_at(sequence, A=1))
    assert (counts.sequence, held_of(told(counts.message(None))[1])["A"]) == (5, 2)


def test_a_change_that_is_not_of_counts_is_told_by_its_sequence_alone() -> None:
    counts = Counts(copy_at(5))
    counts.hear(copy_at(6))
    assert held_of(told(counts.message(5))[1]) == {}


@pytest.mark.parametrize("codes", [("A", "B", "C"), ("A", "B", "C", "D", "E"), ("B", "A", "C", "D")])
def test_where_the_types_are_others_all_is_told_again(codes: tuple[str, ...]) -> None:
    counts = Counts(copy_at(5))
    counts.hear(Availability(EVENT, 7, 0, tuple(TypeCounts(code, 10, 0, 0, 10) for code in codes)))
    for sequence in (5, 6):
        name, data = told(counts.message(sequence))
        assert (name, [one["code"] for one in data["ticket_types"]]) == ("state", list(codes))


def test_one_rendering_serves_all_who_know_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_messages, "MESSAGES_KEPT_MAX", 3)
    counts = Counts(copy_at(1))
    counts.hear(copy_at(100, A=1))
    assert counts.message(50) is counts.message(50)
    for sequence in range(1, 99):
        counts.message(sequence)
    assert len(counts.messages._kept) <= 3
    before = counts.message(50)
    counts.hear(copy_at(101, A=1))
    assert counts.message(50) != before


def test_whoever_applies_what_it_is_told_knows_the_counts() -> None:
    """Clients that listen now and then, and what they were told last by this process or by another."""
    dice = random.Random(7)
    truth = [copy_at(1)]
    for sequence in range(2, 400):
        held = dict(zip(CODES, (one.held for one in truth[-1].ticket_types), strict=True))
        held[dice.choice(CODES)] = dice.randint(0, 10)
        truth.append(copy_at(sequence, **held))
    fronts = [Counts(truth[0]) for _ in range(2)]
    clients: list[dict[str, int]] = [{} for _ in range(5)]
    kinds: set[str] = set()
    known: list[int | None] = [None] * len(clients)
    for copy in truth:
        for front in fronts:
            if dice.random() < 0.5:
                front.hear(copy)
        for number in range(len(clients)):
            front = dice.choice(fronts)
            if dice.random() < 0.3 and front.sequence > (known[number] or 0):
                name, data = told(front.message(known[number]))
                kinds.add(name)
                clients[number] |= held_of(data)
                known[number] = data["sequence"]
                assert clients[number] == {
                    one.code: one.held for one in truth[front.sequence - 1].ticket_types
                }
    assert kinds == {"state", "delta"}


def test_a_count_that_changed_and_changed_back_unseen_is_told_to_who_saw_it() -> None:
    """One who is at 2 has seen A at 5; here it was 0 before and is 0 again."""
    counts = Counts(copy_at(1))
    counts.hear(copy_at(3))
    assert held_of(told(counts.message(2))[1])["A"] == 0


def test_from_a_bounded_number_of_sequences_one_may_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_messages, "SEQUENCES_KEPT_MAX", 3)
    counts = Counts(copy_at(1))
    for sequence in range(2, 6):
        counts.hear(copy_at(sequence, A=sequence))
    assert [told(counts.message(since))[0] for since in (2, 3, 4)] == ["state", "delta", "delta"]
