"""What buyers do, played against a server that is a function; and what the records say of it."""

from __future__ import annotations

import random

import pytest

from loadtest.behaviours import OnSale, Person
from loadtest.exchange import Reply, Request, call_of, ms_of
from loadtest.record import View, now_us
from loadtest.visitor import ATTEMPTS_MAX
from tests.loadtest.played import play, problem, reply

HELD = {
    "id": "r1",
    "event_id": "e",
    "status": "held",
    "expires_at": "2026-11-20T12:00:00.123Z",
    "created_at": "2026-11-20T11:45:00.001Z",
    "lines": [{"ticket_type": "adult", "quantity": 2, "unit_price": {"amount": 4500, "currency": "EUR"}}],
    "total": {"amount": 9000, "currency": "EUR"},
    "customer": {"name": "x", "email": "x@example.org"},
    "token": "t",
}
LEFT = {
    "event_id": "e",
    "sequence": 7,
    "ticket_types": [_ := {"code": "A", "quota": 3, "available": 1, "held": 2}],
}
_["confirmed"] = 0


def sells(request: Request) -> Reply:
    if request.op == "hold":
        return reply(201, HELD)
    if request.op == "availability":
        return reply(200, LEFT)
    status = {"confirm": "confirmed", "cancel": "released"}.get(request.op, "held")
    return reply(200, {**HELD, "status": status})


def person(seed: int = 1, opens_us: int = 0) -> Person:
    return Person("p", OnSale("e", opens_us, "w"), random.Random(seed))


def test_over_many_buyers_every_fate_happens_and_most_confirm() -> None:
    played = [play(person(seed).buy(), sells)[0] for seed in range(300)]
    ops = [{request.op for request in requests} for requests in played]
    assert sum("confirm" in one for one in ops) > 200
    assert all(any(op in one for one in ops) for op in ("cancel", "extend", "change", "read"))


def test_a_few_ask_again_with_the_same_key_and_fewer_with_another_body() -> None:
    same = other = 0
    for seed in range(500):
        holds = [one for one in play(person(seed).buy(), sells)[0] if one.op == "hold"]
        assert len({one.key for one in holds}) == 1
        same += len(holds) - len({one.body for one in holds})
        other += len({one.body for one in holds}) - 1
    assert 10 < other < same < 80


@pytest.mark.parametrize(
    ("code", "status"), [("overloaded", 503), ("unavailable", 503), ("rate_limited", 429)]
)
def test_a_busy_server_is_asked_again_with_the_same_key_after_the_time_it_says(
    code: str, status: int
) -> None:
    answers = iter([problem(code, status, "3"), problem(code, status, "3")])
    requests, pauses = play(person().witness(), lambda request: next(answers, None) or sells(request))
    holds = [one for one in requests if one.op == "hold"]
    assert len(holds) == 3
    assert len({(one.key, one.body) for one in holds}) == 1
    assert all(2 <= pause <= 4 for pause in pauses[:2])


def test_no_reply_is_asked_again_and_not_for_ever() -> None:
    requests, _ = play(person().witness(), lambda _: Reply(0, 1, 2, failure="reset"))
    assert len(requests) == ATTEMPTS_MAX


def test_what_others_hold_is_asked_for_again_with_the_same_key_and_then_given_up() -> None:
    requests, pauses = play(
        person().churn(), lambda one: problem("held", 423, "5") if one.op == "hold" else sells(one)
    )
    assert len({one.key for one in requests}) == 1
    assert 1 < len(requests) < 10
    assert sum(pauses) > 5


def test_a_longer_wait_than_ten_seconds_is_not_waited() -> None:
    assert problem("held", 423, "900").retry_after_s == 10.0
    assert problem("held", 423, "soon").retry_after_s == 1.0


def test_before_the_opening_a_buyer_only_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [now_us()]
    monkeypatch.setattr("loadtest.visitor.now_us", lambda: now[0])
    opens_us = now[0] + 3_000_000
    seen: list[tuple[str, bool]] = []

    def server(request: Request) -> Reply:
        seen.append((request.op, now[0] < opens_us))
        now[0] += 700_000
        return sells(request)

    play(person(opens_us=opens_us).buy(), server)
    assert {op for op, early in seen if early} == {"availability"}
    assert ("hold", False) in seen


def test_a_hold_and_its_reply_become_a_record() -> None:
    hold = next(one for one in play(person().buy(), sells)[0] if one.op == "hold")
    call = call_of("p", hold, sells(hold))
    assert call.reservation == "r1"
    assert call.email.endswith("@example.org")
    expected = View("held", 1795176000123, (("adult", 2, 4500),), 9000, 1795175100001)
    assert call.view == expected


def test_an_availability_becomes_a_record() -> None:
    call = call_of("p", Request("availability", "GET", "/", "e"), reply(200, LEFT))
    assert (call.sequence, call.counts) == (7, (("A", 1, 2, 0),))


def test_a_problem_becomes_a_record_by_its_code_and_no_reply_by_its_reason() -> None:
    request = Request("hold", "POST", "/", "e", b"{}", key="k")
    assert call_of("p", request, problem("sold_out", 409)).code == "sold_out"
    assert call_of("p", request, Reply(502, 1, 2, b"<html>")).code == "no problem"
    silent = call_of("p", request, Reply(0, 1, 2, failure="reset"))
    assert (silent.code, silent.unknown) == ("reset", True)


def test_milliseconds_are_exact() -> None:
    assert [ms_of(f"2026-11-20T12:00:00.{n:03d}Z") % 1000 for n in range(1000)] == list(range(1000))
