"""What people do about seats, tables, sessions and when they only look, played against a server that is a
function; how kinds are mixed."""

from __future__ import annotations

import random
from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from loadtest.browsing import Browser
from loadtest.evening import Diner, Evening
from loadtest.exchange import Reply, Request, call_of, ms_of
from loadtest.gathering import Gathering, Neighbour
from loadtest.mix import KINDS, WEIGHT_MAX, WrongMix, parse_mix
from loadtest.rush import FREE, Hall, Rush, Seatgoer
from tests.loadtest.played import play, problem, reply

EVENING = Evening("house", 0, "small", ("t1", "t2"), "2031-05-01")
ROW = ("Row/1/1", "Row/1/2", "Row/1/3")
RUSH = Rush("e", 0, "Hall", 4, 10, (("front", 1), ("back", 4)), "w", ROW, "seat")


def reserved(request: Request, status: str = "held") -> Reply:
    """What an event's reservation looks like."""
    wanted = request.wanted or (("front", 2),)
    lines = [
        {"ticket_type": code, "quantity": count, "unit_price": {"amount": 1}, "seats": list(request.named)}
        for code, count in wanted
    ]
    times = {"expires_at": "2031-01-01T00:00:00Z", "created_at": "2026-01-01T00:00:00Z"}
    body = {"id": "r", "status": status, "lines": lines, "total": {"amount": 1}, "token": "t", "code": "c0de"}
    return reply(201 if request.op == "hold" else 200, {**body, **times})


def dined(request: Request, status: str = "held") -> Reply:
    times = {"starts_at": "2031-01-01T20:00:00Z", "ends_at": "2031-01-01T22:00:00Z"}
    body = {"id": "s", "status": status, "expires_at": "2031-01-01T00:00:00Z", "tables": ["t1"], **times}
    more = {"party_size": 2, "created_at": "2026-01-01T00:00:00Z", "token": "t"}
    return reply(201 if request.op in ("hold", "walk-in") else 200, {**body, **more})


def seat_map(taken: set[int], seats: int = 40) -> dict[str, Any]:
    packed = bytearray(seats // 4)
    for number in taken:
        packed[number // 4] |= 2 << 2 * (number % 4)
    return {"sequence": 7, "states": b64encode(packed).decode()}


def hall(request: Request) -> Reply:
    if request.op == "map":
        return reply(200, seat_map(set(range(10))))
    if request.op == "availability":
        return reply(200, {"sequence": 1, "ticket_types": []})
    return reserved(request)


def house(request: Request) -> Reply:
    if request.op == "search":
        free = {"date": "2031-01-01", "time": "20:15", "tables": ["t1"]}
        return reply(200, {"times": [free], "alternatives": []})
    if request.op == "list":
        return reply(200, {"items": [msgspec.json.decode(dined(request, "confirmed").body)]})
    return dined(request)


def seatgoer(seed: int) -> Seatgoer:
    return Seatgoer("p", RUSH, random.Random(seed))


def diner(seed: int) -> Diner:
    return Diner("p", EVENING, random.Random(seed))


# --- seats ----------------------------------------------------------------------------------------


def test_some_name_free_seats_side_by_side_and_others_take_the_best() -> None:
    named = best = 0
    for seed in range(200):
        hold = next(one for one in play(seatgoer(seed).buy(), hall)[0] if one.op == "hold")
        body = msgspec.json.decode(hold.body)
        if not hold.named:
            best += 1
            assert body["best"]["fallback"] in ("refuse", "gaps", "split")
            continue
        named += 1
        rows = {name.rpartition("/")[0] for name in hold.named}
        places = [int(name.rpartition("/")[2]) for name in hold.named]
        assert len(rows) == 1
        assert rows <= {"Hall/2", "Hall/3", "Hall/4"}, "the first row is taken"
        assert places == list(range(places[0], places[0] + len(places)))
        assert hold.wanted == (("back", len(places)),)
        assert tuple(body["lines"][0]["seats"]) == hold.named
    assert named > 60 < best


@pytest.mark.parametrize(("code", "status"), [("held", 423), ("sold_out", 409)])
def test_who_was_too_slow_looks_what_has_changed_and_names_others_then_takes_the_best(
    code: str, status: int
) -> None:
    seed = next(seed for seed in range(50) if play(seatgoer(seed).buy(), hall)[0][0].op == "map")
    requests, _ = play(seatgoer(seed).buy(), lambda one: problem(code, status) if one.named else hall(one))
    maps = [one.path for one in requests if one.op == "map"]
    assert not maps[0].endswith("since=7")
    assert all(path.endswith("?since=7") for path in maps[1:])
    assert len(maps) == 4
    tried = [one for one in requests if one.op == "hold"]
    assert [bool(one.named) for one in tried[:5]] == [True] * 4 + [False]
    assert len({one.key for one in tried[:5]}) == 5, "other seats are another request"


def test_the_map_is_taken_whole_and_then_by_its_changes() -> None:
    known = Hall()
    known.take(hall(Request("map", "GET", "/", "e")).seat_map)
    assert known.free(range(10, 40))
    assert not known.free(range(9, 11))
    changed = reply(200, {"sequence": 9, "changes": [[9, FREE], [20, 1]]}).seat_map
    known.take(changed)
    assert (known.sequence, known.free(range(9, 20)), known.free(range(20, 21))) == (9, True, False)


def test_over_many_seat_buyers_every_fate_happens() -> None:
    ops = Counter(one.op for seed in range(300) for one in play(seatgoer(seed).buy(), hall)[0])
    assert {"hold", "confirm", "extend", "change", "cancel", "read", "map"} <= ops.keys()
    assert ops["confirm"] > 200


def test_witnesses_of_seats_name_some_of_the_row_and_give_all_back() -> None:
    named = 0
    for seed in range(60):
        requests, _ = play(seatgoer(seed).witness(), hall)
        assert {one.event for one in requests} == {"w"}
        assert requests[-1].op == "cancel"
        named += bool(requests[0].named)
        assert set(requests[0].named) <= set(RUSH.witness_seats)
    assert 15 < named < 45


# --- tables ---------------------------------------------------------------------------------------


def test_guests_reserve_the_nearest_free_time_and_every_fate_happens() -> None:
    ops: Counter[str] = Counter()
    nearest = 0
    for seed in range(300):
        requests, _ = play(diner(seed).dine(), house)
        ops.update(one.op for one in requests)
        hold = next(one for one in requests if one.op == "hold")
        body = msgspec.json.decode(hold.body)
        assert hold.wish is not None
        assert hold.wish.start_ms == ms_of(f"{body['date']}T{body['time']}:00Z")
        nearest += (body["date"], body["time"]) == ("2031-01-01", "20:15")
    assert {"search", "hold", "confirm", "move", "extend", "cancel", "read"} <= ops.keys()
    assert 200 < nearest < 290


def test_what_is_wished_lies_ahead_on_the_grid() -> None:
    for seed in range(200):
        search = play(diner(seed).dine(), house)[0][0]
        assert search.wish is not None
        assert search.wish.start_ms > datetime.now(UTC).timestamp() * 1000
        assert search.wish.start_ms % (15 * 60_000) == 0


def test_who_wants_to_come_soon_is_shown_times_from_an_hour_before() -> None:
    for seed in range(200):
        search = play(diner(seed).dine(), house)[0][0]
        asked = dict(parse_qsl(search.path.partition("?")[2]))
        assert asked["earliest"] <= asked["time"]
        assert int(asked["time"][:2]) - int(asked["earliest"][:2]) in (0, 1)


def test_a_refused_move_leaves_the_reservation_to_be_confirmed() -> None:
    def full(request: Request) -> Reply:
        return problem("taken", 409) if request.op == "move" else house(request)

    moved = [play(diner(seed).dine(), full)[0] for seed in range(200)]
    after = [[one.op for one in requests] for requests in moved if any(one.op == "move" for one in requests)]
    assert after
    assert all("confirm" in ops[ops.index("move") :] for ops in after)


def test_staff_do_all_that_staff_do_with_a_key_each_and_are_the_only_ones_with_the_operators_token() -> None:
    past = {"starts_at": "2020-01-01T20:00:00Z", "ends_at": "2020-01-01T22:00:00Z"}

    def room(request: Request) -> Reply:
        if request.op != "list":
            return dined(request)
        return reply(200, {"items": [{**msgspec.json.decode(dined(request, "confirmed").body), **past}]})

    requests = [one for seed in range(80) for one in play(diner(seed).serve(), room)[0]]
    assert {one.op for one in requests} == {"list", "walk-in", "seat", "no-show", "complete", "prolong"}
    assert all(one.staff for one in requests)
    keys = [one.key for one in requests if one.method == "POST"]
    assert len(set(keys)) == len(keys)
    assert not any(one.staff for seed in range(50) for one in play(diner(seed).dine(), house)[0])


def test_nobody_is_a_no_show_before_the_time_has_come() -> None:
    requests = [one for seed in range(80) for one in play(diner(seed).serve(), house)[0]]
    assert {one.op for one in requests} == {"list", "walk-in", "seat", "complete", "prolong"}


def test_witnesses_of_tables_want_times_that_overlap_and_give_all_back() -> None:
    starts = set()
    for seed in range(60):
        requests, _ = play(diner(seed).witness(), house)
        assert {one.event for one in requests} == {"small"}
        assert requests[-1].op == "cancel"
        assert requests[0].wish is not None
        starts.add(requests[0].wish.start_ms)
    evening_ms = ms_of("2031-05-01T19:00:00Z")
    assert starts == {evening_ms, evening_ms + 3_600_000, evening_ms + 7_200_000}


# --- sessions, and looking ------------------------------------------------------------------------


def test_neighbours_confirm_at_once_or_later_and_cancel_by_code_or_token() -> None:
    gathering = Gathering(("s1", "s2"), 0)

    def community(request: Request) -> Reply:
        if request.op == "availability":
            return reply(200, {"sequence": 1, "ticket_types": []})
        at_once = b'"confirm":true' in request.body
        return reserved(request, "confirmed" if at_once or request.op == "confirm" else "held")

    paths: Counter[str] = Counter()
    again = 0
    for seed in range(300):
        neighbour = Neighbour("p", gathering, random.Random(seed))
        requests, _ = play(neighbour.join(), community)
        paths.update(one.path.rpartition("/")[2] if one.op == "cancel" else one.op for one in requests)
        by_code = [one for one in requests if one.op == "cancel" and one.event in one.path]
        assert all(msgspec.json.decode(one.body)["code"] == "c0de" for one in by_code)
        assert all(one.reservation == "r" for one in by_code)
        holds = [one for one in requests if one.op == "hold"]
        again += len({one.key for one in holds}) > 1
    assert paths["confirm"] > 20
    assert paths["cancel"] > 50
    assert again > 10


def test_browsers_walk_through_lists_to_events_their_seats_and_restaurants_times() -> None:
    def catalogue(request: Request) -> Reply:
        if "/events?" in request.path:
            seated = [{"id": "e1", "seating": {"venue_id": "v"}}, {"id": "e2", "seating": None}]
            return reply(200, {"items": seated, "next": "more"})
        if "/restaurants?" in request.path:
            small = {"id": "bar", "party_smallest": 1, "party_largest": 1}
            return reply(200, {"items": [small, {"id": "r1", "party_smallest": 1, "party_largest": 8}]})
        return reply(200, {"sequence": 3, "states": "", "ticket_types": []})

    walks = [play(Browser("p", random.Random(seed)).browse(), catalogue)[0] for seed in range(200)]
    requests = [one for walk in walks for one in walk]
    assert {one.op for one in requests} == {"list", "event", "availability", "map", "search"}
    assert {one.method for one in requests} == {"GET"}
    assert all("/events/e1/" in one.path for one in requests if one.op == "map")
    assert all("/restaurants/r1/" in one.path for one in requests if one.op == "search")
    assert any("cursor=more" in one.path for one in requests)
    assert any("available=true" in one.path for one in requests)


def test_what_a_browser_sees_of_a_map_becomes_a_record() -> None:
    call = call_of("p", Request("map", "GET", "/", "e", kind="browse"), reply(200, seat_map(set())))
    assert (call.kind, call.op, call.sequence) == ("browse", "map", 7)


# --- mixing ---------------------------------------------------------------------------------------


def test_a_mix_is_read_in_one_order_whatever_the_order_it_is_written_in() -> None:
    assert list(parse_mix("browse=5, tickets=3,tables").items()) == [
        ("tickets", 3),
        ("tables", 1),
        ("browse", 5),
    ]
    assert parse_mix("tickets=0,seats=2") == {"seats": 2}
    assert parse_mix(f"tickets={WEIGHT_MAX}") == {"tickets": WEIGHT_MAX}
    assert list(parse_mix(",".join(KINDS))) == list(KINDS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tickets=",
        "tickets=-1",
        f"tickets={WEIGHT_MAX + 1}",
        "tickets=x",
        "tickets=²",
        "trains=1",
        "seats,seats",
    ],
)
def test_a_wrong_mix_says_what_is_wrong_in_one_line(text: str) -> None:
    with pytest.raises(WrongMix, match=r"each once of|a whole number"):
        parse_mix(text)


@pytest.mark.parametrize("text", ["browse=5", "tickets=0", "tickets=0,browse=1"])
def test_a_mix_in_which_nobody_reserves_is_refused(text: str) -> None:
    with pytest.raises(WrongMix, match="nothing to audit"):
        parse_mix(text)
