"""A season over HTTP: events made from a list, and prices and blocked seats copied from match to match."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from domain.event_messages import CopyFromEvent, CreateEvent, PublishEvent
from domain.event_operator import COPY_MAX_SEATS
from domain.kinds import Command, Creation, Reply
from domain.messages import Code, Rejected
from server import handlers_fixtures
from server.payloads_fixtures import (
    DISTANCE_MAX_S,
    DURATION_MAX_S,
    FIXTURES_BODY_MAX_BYTES,
    FIXTURES_MAX,
)
from tests.server.conftest import OPERATOR, Answer, Api
from tests.server.test_seats import PRICE, TYPES, block, event_in_the_hall, line, make, reserve
from tests.unit.seated import HALL

DEARER = {"amount": 7500, "currency": "EUR"}
BEST = {"category": "best", "seats": ["S/A/3", "S/A/4"]}
BEST_TYPE = {"code": "best", "name": "Best", "price": DEARER, "categories": ["best"]}
DAY_S, HOUR_S = 86_400, 3_600
UNKNOWN = "01900000-0000-7000-8000-00000000ffff"


async def hall(api: Api, **changes: Any) -> str:
    """A venue's path."""
    body = {
        "name": "The Hall",
        "city": "Vienna",
        "plan": {"block": {"section": "S", "rows": 1, "seats_per_row": 1}},
    }
    made = await api.post("/api/v1/venues", json=body | changes, headers=OPERATOR)
    assert made.status == 201, made.raw
    api.gateway.plans[made.json["id"]] = HALL
    return str(made.headers["Location"])


def match(day: int, name: str | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "name": f"Match {day}" if name is None else name,
        "starts_at": f"2027-01-{day:02}T20:00:00Z",
    } | changes


async def make_all(
    api: Api, path: str, *fixtures: dict[str, Any], key: str | None = None, **changes: Any
) -> Answer:
    body: dict[str, Any] = {"fixtures": fixtures} | changes
    if "copy_from" not in body and "template" not in body:
        body["template"] = {"ticket_types": TYPES}
    headers = OPERATOR | ({"Idempotency-Key": key} if key else {})
    return await api.post(f"{path}/fixtures", json=body, headers=headers)


async def shown(api: Api, answer: Answer) -> list[dict[str, Any]]:
    """The events that were made."""
    assert answer.status == 200, answer.raw
    ids = [item["event_id"] for item in answer.json["items"] if item["event_id"]]
    return [(await api.get(f"/api/v1/events/{event_id}", headers=OPERATOR)).json for event_id in ids]


def moment(event: dict[str, Any], name: str) -> str | None:
    """Without its milliseconds, which are none."""
    return event[name] and str(event[name]).replace(".000Z", "Z")


def codes(answer: Answer) -> list[str | None]:
    return [item["problem"] and item["problem"]["code"] for item in answer.json["items"]]


class Outage:
    """From the command of that number on no owner answers."""

    def __init__(self, api: Api, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        self.left = after
        ask, create = api.gateway.ask, api.gateway.create
        out = Rejected(Code.UNAVAILABLE, "The outcome is unknown.", {"retry_after_s": 1})

        async def asking(inventory_id: str, command: Command, key: Any = None) -> Reply:
            return await ask(inventory_id, command, key) if self.works() else out

        async def creating(command: Creation, owner: str, key: Any = None) -> Reply:
            return await create(command, owner, key) if self.works() else out

        monkeypatch.setattr(api.gateway, "ask", asking)
        monkeypatch.setattr(api.gateway, "create", creating)

    def works(self) -> bool:
        self.left -= 1
        return self.left >= 0


# --- a list of fixtures -------------------------------------------------------------------------------


async def test_a_season_is_made_in_one_request(api: Api) -> None:
    path = await hall(api)
    answer = await make_all(api, path, *[match(day) for day in (1, 8, 15)])
    assert (answer.status, answer.json["made"], answer.json["refused"]) == (200, 3, 0)
    assert f"/api/v1/venues/{answer.json['venue_id']}" == path
    events = await shown(api, answer)
    assert [(event["name"], moment(event, "starts_at")) for event in events] == [
        ("Match 1", "2027-01-01T20:00:00Z"),
        ("Match 8", "2027-01-08T20:00:00Z"),
        ("Match 15", "2027-01-15T20:00:00Z"),
    ]
    for event in events:
        assert [kind["quota"] for kind in event["ticket_types"]] == [6, 12, 4, 20]
        assert (event["venue"], event["city"], event["status"]) == ("The Hall", "Vienna", "published")
        assert event["seating"]["venue_id"] == answer.json["venue_id"]
    assert (await reserve(api, events[1]["id"], line("front", 1, "S/A/1"))).status == 201


async def test_moments_are_as_far_from_each_start_as_the_template_says_unless_given(api: Api) -> None:
    template = {
        "ticket_types": TYPES,
        "duration_s": 2 * HOUR_S,
        "sales_start_before_s": 30 * DAY_S,
        "sales_end_before_s": -HOUR_S,
        "cancel_until_before_s": DAY_S,
    }
    own = {"sales_start": "2027-01-02T10:00:00Z", "description": "The derby"}
    answer = await make_all(api, await hall(api), match(1), match(8, **own), template=template)
    first, second = await shown(api, answer)
    moments = ("ends_at", "sales_start", "sales_end", "cancel_until", "description")
    assert [moment(first, name) for name in moments] == [
        "2027-01-01T22:00:00Z",
        "2026-12-02T20:00:00Z",
        "2027-01-01T21:00:00Z",
        "2026-12-31T20:00:00Z",
        None,
    ]
    assert [moment(second, name) for name in moments] == [
        "2027-01-08T22:00:00Z",
        "2027-01-02T10:00:00Z",
        "2027-01-08T21:00:00Z",
        "2027-01-07T20:00:00Z",
        "The derby",
    ]


async def test_no_two_overlap_inside_the_list_or_with_what_is_there_and_the_others_are_made(api: Api) -> None:
    path = await hall(api)
    await make_all(api, path, match(1))
    overlapping = match(8, "Too early", starts_at="2027-01-08T21:59:59Z")
    following = match(8, "Right after", starts_at="2027-01-08T22:00:00Z")
    answer = await make_all(api, path, match(1, "Again"), match(8), overlapping, following)
    assert codes(answer) == ["venue_taken", None, "venue_taken", None]
    assert (answer.json["made"], answer.json["refused"]) == (2, 2)
    assert [item["event_id"] is None for item in answer.json["items"]] == [True, False, True, False]
    assert [item["name"] for item in answer.json["items"]] == ["Again", "Match 8", "Too early", "Right after"]


async def test_an_entry_that_does_not_fit_together_is_refused_by_itself(api: Api) -> None:
    backwards = match(8, ends_at="2027-01-08T19:00:00Z")
    answer = await make_all(api, await hall(api), match(1), backwards, match(15))
    assert codes(answer) == [None, "invalid", None]
    assert answer.json["items"][1]["problem"]["errors"][0]["path"] == "ends_at"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"starts_at": "2027-01-01T20:00:00"}, "fixtures[1].starts_at"),
        ({"starts_at": "1969-12-31T23:59:59Z"}, "fixtures[1].starts_at"),
        ({"sales_start": "9999-01-01T00:00:00Z"}, "fixtures[1].sales_start"),
        ({"name": ""}, "fixtures[1].name"),
        ({"price": 1}, "fixtures[1].price"),
    ],
)
async def test_a_list_that_cannot_be_understood_makes_nothing(
    api: Api, changes: dict[str, Any], path: str
) -> None:
    answer = await make_all(api, await hall(api), match(1), match(8, **changes))
    assert answer.paths == [path]
    assert api.gateway.inventories == {}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        (
            {"template": {"ticket_types": [TYPES[0] | {"categories": ["loge"]}]}},
            "template.ticket_types[0].categories",
        ),
        ({"template": {"ticket_types": [TYPES[0] | {"quota": 7}]}}, "template.ticket_types[0].quota"),
        (
            {"template": {"ticket_types": TYPES, "categories": [{"category": "x", "seats": ["S/Z/1"]}]}},
            "template.categories[0].seats[0]",
        ),
        ({"template": {"ticket_types": []}}, "template.ticket_types"),
        ({"template": None}, "template"),
        ({"copy_from": UNKNOWN}, "copy_from"),
        ({"copy_from": "nowhere"}, "copy_from"),
        ({"copy_from": UNKNOWN, "template": {"ticket_types": TYPES}}, "template"),
        ({"status": "cancelled"}, "status"),
    ],
)
async def test_what_all_have_in_common_fits_the_venue_or_nothing_is_made(
    api: Api, changes: dict[str, Any], path: str
) -> None:
    assert (await make_all(api, await hall(api), match(1), **changes)).paths == [path]
    assert api.gateway.inventories == {}


async def test_only_operators_make_a_season_and_only_where_there_is_a_venue_with_seats(api: Api) -> None:
    path = await hall(api)
    assert (await api.post(f"{path}/fixtures", json={"fixtures": [match(1)]})).code == "unauthorized"
    for nowhere in ("x", UNKNOWN):
        assert (await make_all(api, f"/api/v1/venues/{nowhere}", match(1))).code == "not_found"
    assert (await make_all(api, await hall(api, plan=None), match(1))).paths == ["venue_id"]
    assert api.gateway.inventories == {}


async def test_a_season_s_bounds_hold_on_both_sides(api: Api) -> None:
    path = await hall(api)
    starts = [f"{2030 + year}-01-01T{hour:02}:00:00Z" for year in range(20) for hour in range(0, 22, 2)]
    many = [match(1, starts_at=start) for start in starts]
    assert (await make_all(api, path, *many[:FIXTURES_MAX])).json["made"] == FIXTURES_MAX
    assert (await make_all(api, path, *many[: FIXTURES_MAX + 1])).paths == ["fixtures"]
    assert (await make_all(api, path)).paths == ["fixtures"]
    bounds = {"duration_s": (1, DURATION_MAX_S), "cancel_until_before_s": (-DISTANCE_MAX_S, DISTANCE_MAX_S)}
    for name, (least, most) in bounds.items():
        for within, beyond in ((least, least - 1), (most, most + 1)):
            other = await hall(api)
            for value, fits in ((within, True), (beyond, False)):
                template = {"ticket_types": TYPES, name: value}
                answer = await make_all(api, other, match(1), template=template)
                assert answer.json["made"] == 1 if fits else answer.paths == [f"template.{name}"]


async def test_a_season_s_body_may_be_so_large_and_not_larger(api: Api) -> None:
    path = await hall(api)
    body = msgspec.json.encode({"fixtures": [match(1)], "template": {"ticket_types": TYPES}})
    body += b" " * (FIXTURES_BODY_MAX_BYTES - len(body))
    headers = OPERATOR | {"Content-Type": "application/json"}
    assert (await api.post(f"{path}/fixtures", data=body, headers=headers)).status == 200
    assert (await api.post(f"{path}/fixtures", data=body + b" ", headers=headers)).code == "too_large"


# --- again with the same key --------------------------------------------------------------------------


async def test_the_same_request_again_makes_nothing_more_and_answers_the_same(api: Api) -> None:
    path = await hall(api)
    first = await make_all(api, path, match(1), match(8), key="season")
    again = await make_all(api, path, match(1), match(8), key="season")
    assert (again.status, again.raw) == (200, first.raw)
    assert len(api.gateway.inventories) == 2


@pytest.mark.parametrize("blocked", [False, True])
async def test_after_an_outage_the_same_request_makes_what_is_missing(
    api: Api, monkeypatch: pytest.MonkeyPatch, blocked: bool
) -> None:
    path = await hall(api)
    source = (await make_all(api, path, match(1))).json["items"][0]["event_id"]
    if blocked:
        await block(api, source, "S/A/1")
    each = 3 if blocked else 1
    wanted = [match(day) for day in (8, 15, 22)]
    for done in range(3 * each):
        with monkeypatch.context() as patch:
            Outage(api, patch, done)
            answer = await make_all(api, path, *wanted, key="season", copy_from=source)
        whole = done // each
        assert answer.status == 200
        assert codes(answer) == [None] * whole + ["unavailable"] + ["overloaded"] * (2 - whole)
    answer = await make_all(api, path, *wanted, key="season", copy_from=source)
    assert codes(answer) == [None] * 3
    assert len(api.gateway.inventories) == 4
    for event in await shown(api, answer):
        assert event["status"] == "published"
        assert event["ticket_types"][0]["available"] == (5 if blocked else 6)


async def test_a_refused_entry_may_be_mended_under_the_same_key_and_a_made_one_not_changed(api: Api) -> None:
    path = await hall(api)
    clash = match(1, "Clash", starts_at="2027-01-01T21:00:00Z")
    assert codes(await make_all(api, path, match(1), clash, key="season")) == [None, "venue_taken"]
    mended = await make_all(api, path, match(1), match(2, "Clash"), key="season")
    assert codes(mended) == [None, None]
    assert codes(await make_all(api, path, match(3), match(2, "Clash"), key="season")) == ["key_reused", None]
    assert len(api.gateway.inventories) == 2


async def test_when_time_is_up_the_rest_is_not_tried(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers_fixtures, "FIXTURES_MAX_S", -1.0)
    answer = await make_all(api, await hall(api), match(1), match(8))
    assert codes(answer) == ["overloaded", "overloaded"]
    assert api.gateway.inventories == {}


# --- a season like an event that there is -------------------------------------------------------------


async def test_a_season_can_be_like_an_event_in_all_but_name_and_time(api: Api) -> None:
    path = await hall(api)
    template = {
        "ticket_types": [*TYPES, BEST_TYPE],
        "categories": [BEST],
        "description": "League",
        "duration_s": HOUR_S,
        "cancel_until_before_s": DAY_S,
        "hold_duration_s": 60,
        "max_per_customer": 4,
        "listed": "while_open",
    }
    [source] = await shown(api, await make_all(api, path, match(1), template=template))
    await reserve(api, source["id"], line("best", 1, "S/A/3"))
    [copy] = await shown(api, await make_all(api, path, match(8), copy_from=source["id"]))
    moved = {
        "id": copy["id"],
        "name": "Match 8",
        "starts_at": "2027-01-08T20:00:00.000Z",
        "ends_at": "2027-01-08T21:00:00.000Z",
        "cancel_until": "2027-01-07T20:00:00.000Z",
    }
    assert copy == source | moved
    assert (await reserve(api, copy["id"], line("best", 1, "S/A/3"))).status == 201


async def test_blocked_seats_are_blocked_before_anybody_can_buy_them(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await hall(api)
    source = (await make_all(api, path, match(1))).json["items"][0]["event_id"]
    await block(api, source, "S/A/1", "S/B/2")
    said: list[tuple[type, str]] = []
    create, ask = api.gateway.create, api.gateway.ask

    async def creating(command: Creation, owner: str, key: Any = None) -> Reply:
        assert isinstance(command, CreateEvent)
        said.append((CreateEvent, command.stage.value))
        return await create(command, owner, key)

    async def asking(inventory_id: str, command: Command, key: Any = None) -> Reply:
        said.append((type(command), ""))
        return await ask(inventory_id, command, key)

    monkeypatch.setattr(api.gateway, "create", creating)
    monkeypatch.setattr(api.gateway, "ask", asking)
    answer = await make_all(api, path, match(8), copy_from=source)
    assert said == [(CreateEvent, "draft"), (CopyFromEvent, ""), (PublishEvent, "")]
    [event] = await shown(api, answer)
    assert event["status"] == "published"
    assert (await reserve(api, event["id"], line("front", 1, "S/A/1"))).code == "sold_out"
    [other] = await shown(api, await make_all(api, path, match(15), copy_from=source, blocks=False))
    assert (await reserve(api, other["id"], line("front", 1, "S/A/1"))).status == 201
    [draft] = await shown(api, await make_all(api, path, match(22), copy_from=source, status="draft"))
    assert (draft["status"], draft["ticket_types"][0]["available"]) == ("draft", 5)


async def test_an_event_of_another_hall_is_no_model_where_its_seats_are_not(api: Api) -> None:
    path = await hall(api)
    source = (await make_all(api, path, match(1))).json["items"][0]["event_id"]
    await block(api, source, "S/A/1")
    other = await hall(api)
    assert (await make_all(api, other, match(1), copy_from=source)).paths == ["blocks"]
    assert (await make_all(api, other, match(1), copy_from=source, blocks=False)).json["made"] == 1
    small = await hall(api)
    section = msgspec.structs.replace(HALL.sections[0], rows=HALL.sections[0].rows[:1])
    api.gateway.plans[small.rpartition("/")[2]] = msgspec.structs.replace(HALL, sections=(section,))
    assert (await make_all(api, small, match(1), copy_from=source, blocks=False)).paths == ["copy_from"]


# --- from match to match ------------------------------------------------------------------------------


async def copy(api: Api, event_id: str, source: str, version: str = "", key: str = "", **what: Any) -> Answer:
    headers = (
        OPERATOR | ({"If-Match": version} if version else {}) | ({"Idempotency-Key": key} if key else {})
    )
    return await api.post(
        f"/api/v1/events/{event_id}/copy-from", json={"event_id": source} | what, headers=headers
    )


def prices(answer: Answer) -> dict[str, int]:
    return {kind["code"]: kind["price"]["amount"] for kind in answer.json["ticket_types"]}


async def two_matches(api: Api) -> tuple[str, str]:
    """The second has dearer types, seats of a category of their own, and a blocked seat."""
    plain = await event_in_the_hall(api, starts_at="2027-01-01T20:00:00Z")
    dearer = [kind | {"price": DEARER} for kind in TYPES]
    made = await make(
        api,
        starts_at="2027-01-08T20:00:00Z",
        ticket_types=[*dearer, BEST_TYPE],
        seating={"categories": [BEST]},
    )
    await block(api, made.json["id"], "S/A/1")
    return plain, str(made.json["id"])


async def test_prices_and_blocks_are_copied_and_what_is_sold_stays(api: Api) -> None:
    target, source = await two_matches(api)
    held = await reserve(api, target, line("front", 1, "S/A/3"))
    copied = await copy(api, target, source)
    assert (copied.status, copied.headers["ETag"]) == (200, '"3"')
    assert prices(copied) == dict.fromkeys(("front", "back", "child", "stand", "best"), 7500)
    assert copied.json["seating"]["categories"] == [BEST]
    assert [kind["available"] for kind in copied.json["ticket_types"]] == [3, 12, 4, 20, 1]
    token = {"Reservation-Token": held.json["token"]}
    kept = await api.get(f"/api/v1/reservations/{held.json['id']}", headers=token)
    assert kept.json["total"] == PRICE
    assert (await reserve(api, target, line("front", 1, "S/A/1"))).code == "sold_out"
    assert (await reserve(api, target, line("best", 1))).json["lines"][0]["seats"] == ["S/A/4"]


async def test_either_can_be_copied_alone(api: Api) -> None:
    target, source = await two_matches(api)
    blocks = await copy(api, target, source, prices=False)
    assert (prices(blocks)["front"], blocks.json["ticket_types"][0]["available"]) == (5000, 5)
    other, source = await two_matches_later(api, source)
    only_prices = await copy(api, other, source, blocks=False)
    assert (prices(only_prices)["front"], only_prices.json["ticket_types"][0]["available"]) == (7500, 4)
    assert (await copy(api, other, source, prices=False, blocks=False)).paths == ["prices"]


async def two_matches_later(api: Api, source: str) -> tuple[str, str]:
    return await event_in_the_hall(api, starts_at="2027-01-15T20:00:00Z"), source


async def test_a_seat_that_is_taken_is_not_blocked_and_then_nothing_is_copied(api: Api) -> None:
    target, source = await two_matches(api)
    await reserve(api, target, line("front", 1, "S/A/1"))
    refused = await copy(api, target, source)
    assert (refused.status, refused.code, refused.json["seat"]) == (409, "in_use", "S/A/1")
    assert prices(await api.get(f"/api/v1/events/{target}"))["front"] == 5000


async def test_copies_meet_in_if_match_and_repeat_their_reply(api: Api) -> None:
    target, source = await two_matches(api)
    first = await copy(api, target, source, version='"1"', key="copy")
    assert first.status == 200
    stale = await copy(api, target, source, version='"1"')
    assert (stale.status, stale.code, stale.json["version"]) == (412, "stale", 3)
    assert (await copy(api, target, source, version='"1", "3"')).status == 200
    assert (await copy(api, target, source, version='"x"')).code == "stale"
    removed = await api.ask("DELETE", f"/api/v1/events/{source}", headers=OPERATOR)
    assert removed.status == 204
    again = await copy(api, target, source, version='"1"', key="copy")
    assert (again.status, again.raw) == (200, first.raw)
    assert (await copy(api, target, source)).paths == ["event_id"]
    assert (await copy(api, target, source, key="copy", blocks=False)).code == "key_reused"


async def test_only_the_operator_copies_and_only_between_events_that_are_there(api: Api) -> None:
    target, source = await two_matches(api)
    refused = await api.post(f"/api/v1/events/{target}/copy-from", json={"event_id": source})
    assert (refused.status, refused.code) == (401, "unauthorized")
    for nowhere in ("x", UNKNOWN):
        assert (await copy(api, nowhere, source)).code == "not_found"
        assert (await copy(api, target, nowhere)).paths == ["event_id"]
    plain = await api.new_event(starts_at="2027-02-01T20:00:00Z")
    assert (await copy(api, plain, source)).paths == ["ticket_types"]
    swiss = [TYPES[3] | {"price": {"amount": 1, "currency": "CHF"}}]
    other = await event_in_the_hall(api, starts_at="2027-03-01T20:00:00Z", ticket_types=swiss)
    assert (await copy(api, other, source)).paths == ["event_id"]


async def test_more_blocked_seats_than_are_copied_at_once_are_refused_before_anything_is_made(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await hall(api)
    source = (await make_all(api, path, match(1))).json["items"][0]["event_id"]
    for count, made in ((COPY_MAX_SEATS, True), (COPY_MAX_SEATS + 1, False)):
        blocked = ("S/A/1",) * count

        async def many(_event_id: str, blocked: tuple[str, ...] = blocked) -> tuple[str, ...]:
            return blocked

        monkeypatch.setattr(api.reads, "blocked_seats", many)
        answer = await make_all(api, path, match(8 if made else 9), copy_from=source)
        assert answer.json["made"] == 1 if made else answer.code == "limit_exceeded"
    assert len(api.gateway.inventories) == 2


# --- planted bugs -------------------------------------------------------------------------------------


async def test_a_list_that_is_begun_anew_each_time_is_noticed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers_fixtures._Keys, "of", lambda *_: None)
    with pytest.raises(AssertionError):
        await test_after_an_outage_the_same_request_makes_what_is_missing(api, monkeypatch, False)


async def test_entries_of_a_list_that_share_a_key_are_noticed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = handlers_fixtures._Keys.of
    monkeypatch.setattr(handlers_fixtures._Keys, "of", lambda keys, _: sound(keys, "all"))
    with pytest.raises(AssertionError):
        await test_after_an_outage_the_same_request_makes_what_is_missing(api, monkeypatch, True)
