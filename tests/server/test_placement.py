"""An event's owner: shown to an operator, and changed by one."""

from __future__ import annotations

from tests.server.conftest import OPERATOR, Api


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


async def test_a_placement_that_does_not_change_costs_the_owner_nothing(api: Api) -> None:
    event_id = await api.new_event(placement="dedicated")
    placed: list[str] = []
    api.gateway.place = lambda *given: placed.append(given)  # type: ignore[method-assign,assignment]
    path = f"/api/v1/events/{event_id}/placement"
    assert (await api.ask("PUT", path, json={"placement": "dedicated"}, headers=OPERATOR)).status == 200
    assert placed == []


async def test_only_an_operator_sees_or_changes_a_placement(api: Api) -> None:
    path = f"/api/v1/events/{await api.new_event()}/placement"
    assert (await api.get(path)).code == "unauthorized"
    assert (await api.ask("PUT", path, json={"placement": "dedicated"})).code == "unauthorized"
    assert (await api.get(path, headers=OPERATOR)).json["placement"] == "pooled"


async def test_an_event_that_is_not_there_has_no_placement(api: Api) -> None:
    for event_id in ("01936d2f-7c00-7000-8000-000000000000", "nonsense"):
        path = f"/api/v1/events/{event_id}/placement"
        assert (await api.get(path, headers=OPERATOR)).code == "not_found"
        assert (
            await api.ask("PUT", path, json={"placement": "pooled"}, headers=OPERATOR)
        ).code == "not_found"
