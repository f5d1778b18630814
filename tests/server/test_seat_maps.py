"""The map of seats that a front end keeps: what it tells whoever is at which sequence."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from domain.views import SeatChanges, SeatStates
from server import seat_maps
from server.seat_maps import SeatMap
from tests.server.live_client import unpacked

EVENT = "01890000-0000-7000-8000-000000000001"


def states_at(sequence: int, looks: bytes) -> SeatStates:
    return SeatStates(EVENT, sequence, "plan", looks, False)


def changes_to(sequence: int, **looks: int) -> SeatChanges:
    return SeatChanges(sequence, 0, {int(seat[1:]): look for seat, look in looks.items()}, False)


def since(kept: SeatMap, sequence: int) -> dict[int, int] | None:
    text = kept.since(sequence)
    if text is None:
        return None
    told: Any = msgspec.json.decode(text)
    assert (told["since"], told["sequence"]) == (sequence, kept.sequence)
    return dict(told["changes"])


def test_who_knows_a_sequence_is_told_what_has_changed_since() -> None:
    kept = SeatMap(states_at(3, bytes(20)))
    kept.change(changes_to(5, s1=1, s2=1))
    kept.change(changes_to(8, s1=2, s7=3))
    assert since(kept, 3) == {1: 2, 2: 1, 7: 3}
    assert since(kept, 5) == {1: 2, 7: 3}
    assert since(kept, 8) == {}
    for unknown in (0, 4, 7, 9):
        assert since(kept, unknown) is None
    assert unpacked(msgspec.json.decode(kept.whole())) == [0, 2, 1, 0, 0, 0, 0, 3, *[0] * 12]


def test_changes_longer_than_the_map_are_not_told() -> None:
    seats = 4_000
    for changed, is_told in ((100, True), (400, False)):
        kept = SeatMap(states_at(1, bytes(seats)))
        kept.change(SeatChanges(2, 0, dict.fromkeys(range(seats - changed, seats), 2), False))
        text = kept.since(1)
        assert (text is not None) == is_told
        assert len(text or b"") < len(kept.whole())


def test_an_older_reading_changes_nothing() -> None:
    kept = SeatMap(states_at(5, b"\1" * 8))
    for sequence in (4, 5):
        kept.replace(states_at(sequence, bytes(8)))
        kept.change(changes_to(sequence, s1=2))
    assert kept.states == states_at(5, b"\1" * 8)
    assert since(kept, 4) is None


@pytest.mark.parametrize(("bound", "most"), [("CHANGES_KEPT_MAX_SEATS", 6), ("STEPS_KEPT_MAX", 3)])
def test_a_bounded_number_of_changes_is_kept(monkeypatch: pytest.MonkeyPatch, bound: str, most: int) -> None:
    monkeypatch.setattr(seat_maps, bound, most)
    kept = SeatMap(states_at(1, bytes(100)))
    for sequence in range(2, 7):
        kept.change(changes_to(sequence, s1=sequence % 4, s2=sequence % 4))
    assert [since(kept, one) is not None for one in range(1, 7)] == [False, False, True, True, True, True]


def test_steps_without_seats_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat_maps, "STEPS_KEPT_MAX", 10)
    kept = SeatMap(states_at(1, bytes(100)))
    for sequence in range(2, 100):
        kept.change(changes_to(sequence))
    assert len(kept._steps) == 10


def test_whoever_applies_what_it_is_told_knows_the_map() -> None:
    """Read sometimes as a whole, sometimes by its changes; by clients that come now and then."""
    dice, looks, sequence = random.Random(3), bytearray(400), 1
    kept = SeatMap(states_at(1, bytes(looks)))
    clients: list[tuple[int, list[int]]] = [(-1, [])] * 4
    whole = 0
    for _ in range(600):
        changed = {
            dice.randrange(400): dice.randrange(4) for _ in range(dice.choice((0, 0, 0, 1, 1, 2, 2, 90)))
        }
        sequence += dice.randint(1, 3)
        for seat, look in changed.items():
            looks[seat] = look
        if dice.random() < 0.2:
            kept.replace(states_at(sequence, bytes(looks)))
        else:
            kept.change(SeatChanges(sequence, 0, changed, False))
        number = dice.randrange(4)
        at, known = clients[number]
        told = since(kept, at)
        whole += told is None
        known = unpacked(msgspec.json.decode(kept.whole())) if told is None else list(known)
        for seat, look in (told or {}).items():
            known[seat] = look
        assert known == list(looks)
        clients[number] = sequence, known
    assert 4 < whole < 300
