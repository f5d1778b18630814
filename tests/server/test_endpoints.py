"""Operators and organisers say where facts are told, see what was, and have it told again."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from domain.account import Role
from domain.endpoints import ENDPOINTS_MAX, Delivery, DeliveryStatus, FactKind, secret_of
from server.front_end import PARTS
from server.parts import Options
from tests.server.conftest import OPERATOR, Answer, Api, Start
from tests.server.direct_endpoints import SECRETS_KEY, DirectEndpoints
from tests.server.organised import machine, new_organiser, token_of

ALL = "/api/v1/webhook-endpoints"
URL = "https://hooks.example/turnstile"
NOBODYS_ID = "01890000-0000-7000-8000-000000000001"


def endpoints_of(api: Api) -> DirectEndpoints:
    endpoints = api.app[PARTS].endpoints
    assert isinstance(endpoints, DirectEndpoints)
    return endpoints


async def make(api: Api, headers: dict[str, str] | None = None, **changes: Any) -> Answer:
    return await api.post(ALL, json={"url": URL, **changes}, headers=OPERATOR | (headers or {}))


async def made(api: Api, **changes: Any) -> str:
    answer = await make(api, **changes)
    assert answer.status == 201, answer.raw
    return f"{ALL}/{answer.json['id']}"


def told(api: Api, place: str, count: int, status: DeliveryStatus = DeliveryStatus.DEAD) -> list[str]:
    """The newest first."""
    ids = [str(uuid.UUID(int=at + 1)) for at in range(count)]
    for at, id_ in enumerate(ids):
        endpoints_of(api).told[id_] = Delivery(
            id=id_,
            endpoint_id=place.rpartition("/")[2],
            kind="hold.placed",
            status=status,
            inventory_id=NOBODYS_ID,
            about=NOBODYS_ID if at else id_,
            seq=3,
            position=0,
            created_ms=at + 1,
            due_ms=2,
            attempts=15,
            answer=500,
            error="answered 500",
            ended_ms=3,
            body=b'{"type":"hold.placed"}',
        )
    return ids[::-1]


async def test_the_secret_is_in_the_answer_that_made_it_and_nowhere_else(api: Api) -> None:
    answer = await make(api, kinds=["hold.placed", "reservation.confirmed"], description="the shop")
    shown = answer.json
    assert answer.headers["Location"] == f"{ALL}/{shown['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert shown["secret"] == secret_of(SECRETS_KEY, shown["id"], 1)
    again = await api.get(answer.headers["Location"], headers=OPERATOR)
    assert again.json == {name: value for name, value in shown.items() if name != "secret"}
    assert (shown["status"], shown["kinds"]) == ("active", ["hold.placed", "reservation.confirmed"])
    assert b"whsec_" not in (await api.get(ALL, headers=OPERATOR)).raw


async def test_a_key_makes_one_and_gives_the_same_answer_again(api: Api) -> None:
    key = {"Idempotency-Key": "one-endpoint"}
    first, again = await make(api, key), await make(api, key)
    assert (first.status, first.raw) == (again.status, again.raw)
    assert (await make(api, key, description="x")).code == "key_reused"
    assert len(endpoints_of(api).kept) == 1


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("url", "http://hooks.example/"),
        ("url", "https://user:word@hooks.example/"),
        ("url", "https://10.0.0.1/"),
        ("url", "https://[::ffff:127.0.0.1]/"),
        ("url", "http://127.0.0.1:8080/"),
        ("url", ""),
        ("url", "https://hooks.example/" + "a" * 1_979),
        ("kinds[0]", ["hold.taken"]),
        ("kinds", ["hold.placed"] * (len(FactKind) + 1)),
        ("inventory_id", "x"),
        ("inventory_id", "y" * 36),
        ("inventory_id", NOBODYS_ID),
        ("organiser_id", "y" * 36),
        ("organiser_id", NOBODYS_ID),
        ("description", "x" * 201),
        ("generation", 2),
    ],
)
async def test_what_cannot_be_told_is_refused_with_its_field(api: Api, field: str, wrong: Any) -> None:
    answer = await make(api, **{field.partition("[")[0]: wrong})
    assert answer.paths == [field]
    assert endpoints_of(api).kept == {}


async def test_each_bound_is_taken(api: Api) -> None:
    organiser_id = await new_organiser(api)
    event_id = await api.new_event(organiser_id=organiser_id)
    at_the_bounds = {
        "url": "https://hooks.example/" + "a" * 1_978,
        "kinds": [kind.value for kind in FactKind],
        "inventory_id": event_id,
        "organiser_id": organiser_id,
        "description": "x" * 200,
    }
    assert (await make(api, **at_the_bounds)).status == 201


async def test_this_machine_is_told_only_where_that_is_set(start: Start) -> None:
    api = await start(Options(webhooks_local=True))
    assert (await make(api, url="http://127.0.0.1:8080/")).status == 201
    assert (await make(api, url="http://10.0.0.1:8080/")).paths == ["url"]


async def test_there_are_so_many_and_not_one_more(api: Api) -> None:
    for _ in range(ENDPOINTS_MAX):
        await made(api)
    one_more = await make(api)
    assert (one_more.code, one_more.json["limit"]) == ("limit_exceeded", ENDPOINTS_MAX)


async def test_an_organisers_are_its_own(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    mine = token_of(api, Role.ORGANISER, own)
    await make(api)
    theirs = await make(api, organiser_id=other)
    answer = await api.post(ALL, json={"url": URL}, headers=mine)
    assert (answer.status, answer.json["organiser_id"]) == (201, own)
    listed = (await api.get(ALL, headers=mine)).json["items"]
    assert [one["id"] for one in listed] == [answer.json["id"]]
    assert len((await api.get(ALL, headers=OPERATOR)).json["items"]) == 3
    assert (await api.get(f"{ALL}/{theirs.json['id']}", headers=mine)).code == "not_found"
    for_others = await api.post(ALL, json={"url": URL, "organiser_id": other}, headers=mine)
    assert for_others.paths == ["organiser_id"]


async def test_an_organiser_is_told_of_an_event_of_its_own_only(api: Api) -> None:
    own, other = await new_organiser(api), await new_organiser(api, "Another")
    mine = token_of(api, Role.ORGANISER, own)
    events = [await api.new_event(organiser_id=whose) for whose in (own, other)]
    answers = [
        await api.post(ALL, json={"url": URL, "inventory_id": event_id}, headers=mine) for event_id in events
    ]
    assert answers[0].status == 201
    assert answers[1].paths == ["inventory_id"]


async def test_machines_read_or_manage_them(api: Api) -> None:
    own = await new_organiser(api)
    reads, manages = [await machine(api, scope, organiser_id=own) for scope in ("read", "manage")]
    assert (await api.post(ALL, json={"url": URL}, headers=reads)).code == "forbidden"
    assert (await api.post(ALL, json={"url": URL}, headers=manages)).json["organiser_id"] == own
    assert len((await api.get(ALL, headers=reads)).json["items"]) == 1


async def test_the_bound_is_each_organisers_own(api: Api) -> None:
    own = await new_organiser(api)
    for _ in range(ENDPOINTS_MAX):
        await make(api)
    assert (await make(api)).code == "limit_exceeded"
    assert (await make(api, organiser_id=own)).status == 201


async def test_they_are_listed_in_pages(api: Api) -> None:
    places = [await made(api) for _ in range(3)]
    first = await api.get(f"{ALL}?limit=2", headers=OPERATOR)
    rest = await api.get(f"{ALL}?limit=2&cursor={first.json['next']}", headers=OPERATOR)
    listed = [f"{ALL}/{one['id']}" for one in first.json["items"] + rest.json["items"]]
    assert (listed, rest.json["next"]) == (sorted(places), None)
    assert (await api.get(f"{ALL}?cursor=xyz", headers=OPERATOR)).code == "invalid"


async def test_one_is_changed_and_removed_under_if_match(api: Api) -> None:
    place = await made(api)
    first = OPERATOR | {"If-Match": '"1"'}
    changed = await api.patch(place, json={"url": URL + "2", "kinds": []}, headers=first)
    assert (changed.json["url"], changed.headers["ETag"]) == (URL + "2", '"2"')
    assert (await api.patch(place, json={"description": "x"}, headers=first)).code == "stale"
    assert (await api.patch(place, json={"url": "http://x/"}, headers=OPERATOR)).paths == ["url"]
    assert (await api.ask("DELETE", place, headers=first)).code == "stale"
    assert (await api.ask("DELETE", place, headers=OPERATOR)).status == 204
    assert (await api.get(place, headers=OPERATOR)).code == "not_found"


async def test_a_secret_is_replaced_once_for_a_key(api: Api) -> None:
    place = await made(api)
    key = OPERATOR | {"Idempotency-Key": "another-secret"}
    first, again = [await api.post(f"{place}/rotate-secret", headers=key) for _ in range(2)]
    assert first.json["secret"] == again.json["secret"]
    assert first.json["secret"] == secret_of(SECRETS_KEY, first.json["id"], 2)
    stale = await api.post(f"{place}/rotate-secret", headers=OPERATOR | {"If-Match": '"1"'})
    assert stale.code == "stale"
    third = await api.post(f"{place}/rotate-secret", headers=OPERATOR | {"If-Match": '"2"'})
    assert third.json["secret"] == secret_of(SECRETS_KEY, first.json["id"], 3)


async def test_one_is_paused_and_resumed_again_and_again(api: Api) -> None:
    place = await made(api)
    for deed, status in (
        ("pause", "paused"),
        ("pause", "paused"),
        ("resume", "active"),
        ("resume", "active"),
    ):
        answer = await api.post(f"{place}/{deed}", headers=OPERATOR)
        assert (answer.status, answer.json["status"]) == (200, status)
    assert answer.json["pause_reason"] is None


async def test_the_log_is_in_pages_without_bodies(api: Api) -> None:
    place = await made(api)
    ids = told(api, place, 3)
    first = await api.get(f"{place}/deliveries?limit=2", headers=OPERATOR)
    assert [one["id"] for one in first.json["items"]] == ids[:2]
    assert "body" not in first.json["items"][0]
    assert (first.json["items"][0]["reservation_id"], first.json["items"][0]["answer"]) == (None, 500)
    rest = await api.get(f"{place}/deliveries?limit=2&cursor={first.json['next']}", headers=OPERATOR)
    assert ([one["id"] for one in rest.json["items"]], rest.json["next"]) == (ids[2:], None)
    assert rest.json["items"][0]["reservation_id"] == ids[2]
    none = await api.get(f"{place}/deliveries?status=delivered", headers=OPERATOR)
    assert none.json["items"] == []
    for query in ("status=lost", "cursor=xyz", "cursor=kv-hYQ", "limit=201"):
        assert (await api.get(f"{place}/deliveries?{query}", headers=OPERATOR)).code == "invalid"


async def test_what_has_ended_is_told_again_and_what_is_pending_stays_so(api: Api) -> None:
    place = await made(api)
    first, second = told(api, place, 2)
    shown = await api.get(f"{place}/deliveries/{first}", headers=OPERATOR)
    assert shown.json["body"] == {"type": "hold.placed"}
    for _ in range(2):
        again = await api.post(f"{place}/deliveries/{first}/replay", headers=OPERATOR)
        assert (again.status, again.json["status"], again.json["attempts"]) == (200, "pending", 0)
    rest = await api.post(f"{place}/deliveries/replay", headers=OPERATOR)
    assert rest.json == {"replayed": 1}
    assert endpoints_of(api).told[second].status is DeliveryStatus.PENDING


async def test_what_is_not_there_is_not_found(api: Api) -> None:
    place = await made(api)
    (another,) = told(api, f"{ALL}/{NOBODYS_ID}", 1)
    for path in (f"{ALL}/{NOBODYS_ID}", f"{ALL}/x", f"{place}/deliveries/{another}", f"{place}/deliveries/x"):
        assert (await api.get(path, headers=OPERATOR)).code == "not_found"
        assert (await api.post(f"{path}/replay", headers=OPERATOR)).code == "not_found"
    for deed in ("pause", "resume", "rotate-secret", "deliveries/replay"):
        assert (await api.post(f"{ALL}/{NOBODYS_ID}/{deed}", headers=OPERATOR)).code == "not_found"
