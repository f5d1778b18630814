"""Which owner is given what is made, by request or by the rule; shown to an operator, changed by one."""

from __future__ import annotations

from typing import Any

import pytest

from domain.account import Role
from server.parts import Options
from server.placement import PlacementRule
from tests.server.conftest import OPERATOR, Api, Start, event_body
from tests.server.organised import new_organiser, token_of
from tests.server.test_restaurants import HOUSE, house_body


async def test_an_event_moves_to_an_owner_of_its_own_and_back(api: Api) -> None:
    event_id = await api.new_event()
    path = f"/api/v1/events/{event_id}/placement"
    before = (await api.get(path, headers=OPERATOR)).json
    assert before["placement"] == "pooled"
    assert before["owner"].startswith("pool:")
    moved = await api.ask("PUT", path, json={"placement": "dedicated"}, headers=OPERATOR)
    assert moved.status == 200
    assert moved.json == {"event_id": event_id, "placement": "dedicated", "owner": f"event:{event_id}"}
    assert (await api.get(path, headers=OPERATOR)).json == moved.json
    assert (await api.ask("PUT", path, json={"placement": "pooled"}, headers=OPERATOR)).json == before


async def test_a_restaurant_moves_to_an_owner_of_its_own_and_back(api: Api) -> None:
    made = await api.post("/api/v1/restaurants", json=house_body(), headers=OPERATOR)
    path = f"/api/v1/restaurants/{made.json['id']}/placement"
    before = (await api.get(path, headers=OPERATOR)).json
    assert before["placement"] == "pooled"
    moved = await api.ask("PUT", path, json={"placement": "dedicated"}, headers=OPERATOR)
    own = f"event:{made.json['id']}"
    assert moved.json == {"restaurant_id": made.json["id"], "placement": "dedicated", "owner": own}
    assert (await api.get(path, headers=OPERATOR)).json == moved.json
    assert (await api.ask("PUT", path, json={"placement": "pooled"}, headers=OPERATOR)).json == before


async def test_what_is_of_another_kind_is_not_moved(api: Api) -> None:
    """An event is no restaurant, nor a restaurant an event; and only an operator moves either."""
    event_id = await api.new_event()
    made = await api.post("/api/v1/restaurants", json=house_body(), headers=OPERATOR)
    for path in (f"restaurants/{event_id}", f"events/{made.json['id']}"):
        wrong = await api.ask(
            "PUT", f"/api/v1/{path}/placement", json={"placement": "dedicated"}, headers=OPERATOR
        )
        assert (wrong.status, wrong.code) == (404, "not_found")
    own = f"/api/v1/restaurants/{made.json['id']}/placement"
    assert (await api.ask("PUT", own, json={"placement": "dedicated"})).code == "unauthorized"
    assert {owner.partition(":")[0] for owner in api.gateway.placements.values()} == {"pool"}


async def test_a_placement_that_does_not_change_costs_the_owner_nothing(api: Api) -> None:
    event_id = await api.new_event(placement="dedicated")
    placed: list[str] = []
    api.gateway.place = lambda *given: placed.append(given)  # type: ignore[method-assign,assignment]
    path = f"/api/v1/events/{event_id}/placement"
    assert (await api.ask("PUT", path, json={"placement": "dedicated"}, headers=OPERATOR)).status == 200
    assert placed == []


CAPACITY, CROWD = 20, 500
RULE = PlacementRule(from_capacity=CAPACITY, from_crowd=CROWD)


def _types(*quotas: int, **more: Any) -> dict[str, Any]:
    price = {"amount": 1, "currency": "EUR"}
    kinds = [
        {"code": f"t{at}", "name": "Type", "quota": quota, "price": price} for at, quota in enumerate(quotas)
    ]
    return {"ticket_types": kinds, **more}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (_types(10, 9), "pooled"),
        (_types(10, 10), "dedicated"),
        (_types(30, 30, capacity=19), "pooled"),
        (_types(30, 30, capacity=20), "dedicated"),
        (_types(10, 9, capacity=1_000), "pooled"),
        (_types(1, expected_crowd=CROWD - 1), "pooled"),
        (_types(1, expected_crowd=CROWD), "dedicated"),
        (_types(1, expected_crowd=None), "pooled"),
        (_types(20, expected_crowd=CROWD, placement="pooled"), "pooled"),
        (_types(1, placement="dedicated"), "dedicated"),
    ],
)
async def test_an_event_gets_an_owner_of_its_own_from_the_bounds_of_the_rule_on(
    start: Start, event: dict[str, Any], expected: str
) -> None:
    api = await start(Options(placement=RULE))
    event_id = await api.new_event(**event)
    path = f"/api/v1/events/{event_id}"
    assert (await api.get(f"{path}/placement", headers=OPERATOR)).json["placement"] == expected
    assert (await api.get(path, headers=OPERATOR)).json["placement"] == expected
    assert "placement" not in (await api.get(path)).json, "guests are not told"


async def test_capacity_says_nothing_unless_a_bound_is_set(api: Api) -> None:
    event_id = await api.new_event(**_types(10_000_000))
    assert api.gateway.placements[event_id].startswith("pool:")


@pytest.mark.parametrize(
    ("house", "expected"),
    [
        ({}, "pooled"),
        ({"tables": [*HOUSE["tables"], {"number": "4", "largest": 10}]}, "dedicated"),
        ({"tables": [*HOUSE["tables"], {"number": "4", "largest": 10, "active": False}]}, "pooled"),
        ({"expected_crowd": CROWD - 1}, "pooled"),
        ({"expected_crowd": CROWD}, "dedicated"),
        ({"expected_crowd": CROWD, "placement": "pooled"}, "pooled"),
        ({"placement": "dedicated"}, "dedicated"),
    ],
)
async def test_a_restaurant_is_placed_by_its_seats_and_its_crowd(
    start: Start, house: dict[str, Any], expected: str
) -> None:
    api = await start(Options(placement=RULE))
    made = await api.post("/api/v1/restaurants", json=house_body(**house), headers=OPERATOR)
    path = f"/api/v1/restaurants/{made.json['id']}"
    assert (await api.get(path, headers=OPERATOR)).json["placement"] == expected
    assert "placement" not in (await api.get(path)).json, "guests are not told"


async def test_the_crowd_of_a_restaurant_is_bounded(api: Api) -> None:
    for crowd, status in ((0, 201), (10_000_000, 201), (-1, 422), (10_000_001, 422)):
        made = await api.post("/api/v1/restaurants", json=house_body(expected_crowd=crowd), headers=OPERATOR)
        assert made.status == status


async def test_only_an_operator_sees_or_changes_a_placement(api: Api) -> None:
    path = f"/api/v1/events/{await api.new_event()}/placement"
    assert (await api.get(path)).code == "unauthorized"
    assert (await api.ask("PUT", path, json={"placement": "dedicated"})).code == "unauthorized"
    assert (await api.get(path, headers=OPERATOR)).json["placement"] == "pooled"


@pytest.mark.parametrize("wish", [{"placement": "dedicated"}, {"placement": "pooled"}, {"expected_crowd": 0}])
async def test_an_organiser_cannot_ask_for_an_owner(api: Api, wish: dict[str, Any]) -> None:
    theirs = token_of(api, Role.ORGANISER, await new_organiser(api))
    (name,) = wish
    for path, body in (("events", event_body()), ("restaurants", house_body())):
        refused = await api.post(f"/api/v1/{path}", json={**body, **wish}, headers=theirs)
        assert refused.paths == [name]
        assert (await api.post(f"/api/v1/{path}", json=body, headers=theirs)).status == 201


async def test_an_event_that_is_not_there_has_no_placement(api: Api) -> None:
    for event_id in ("01936d2f-7c00-7000-8000-000000000000", "nonsense"):
        path = f"/api/v1/events/{event_id}/placement"
        assert (await api.get(path, headers=OPERATOR)).code == "not_found"
        assert (
            await api.ask("PUT", path, json={"placement": "pooled"}, headers=OPERATOR)
        ).code == "not_found"
