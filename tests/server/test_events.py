"""Events over HTTP: made, shown, listed, changed, paused."""

from __future__ import annotations

from tests.server.conftest import OPERATOR, Api, event_body, hold_body


async def test_a_new_event_is_shown_with_its_defaults(api: Api) -> None:
    made = await api.make_event()
    assert made.status == 201
    assert made.headers["Location"] == f"/api/v1/events/{made.json['id']}"
    assert made.headers["ETag"] == '"1"'
    shown = made.json
    assert shown["starts_at"] == "2027-01-01T20:00:00.000Z"
    assert (shown["hold_duration_s"], shown["guests"], shown["hold_extensions_max"]) == (900, True, 1)
    assert shown["ticket_types"][0] == {
        "code": "ga",
        "name": "Standing",
        "quota": 10,
        "price": {"amount": 4500, "currency": "EUR"},
        "max_per_order": None,
        "available": 10,
        "held": 0,
        "confirmed": 0,
        "categories": [],
    }
    assert (await api.get(made.headers["Location"])).json == shown


async def test_offsets_are_converted_to_utc_and_cut_to_milliseconds(api: Api) -> None:
    made = await api.make_event(
        starts_at="2027-01-01T20:00:00.1239+02:00", sales_start="2026-12-01T00:00:00-05:30"
    )
    assert made.json["starts_at"] == "2027-01-01T18:00:00.123Z"
    assert made.json["sales_start"] == "2026-12-01T05:30:00.000Z"


async def test_every_field_of_an_event_comes_back(api: Api) -> None:
    given = {
        "ends_at": "2027-01-01T23:00:00.000Z",
        "venue": "The Hall",
        "description": "Ünïcode\n\U0001f3ab",
        "sales_start": "2026-11-01T00:00:00.000Z",
        "sales_end": "2026-12-31T00:00:00.000Z",
        "capacity": 11,
        "hold_duration_s": 60,
        "max_per_customer": 4,
        "cancel_until": "2026-12-30T00:00:00.000Z",
        "guests": False,
        "hold_extensions_max": 0,
    }
    made = (await api.make_event(**given)).json
    assert {name: made[name] for name in given} == given


async def test_placement_decides_which_owner_gets_the_event(api: Api) -> None:
    pooled, dedicated = await api.new_event(), await api.new_event(placement="dedicated")
    assert api.gateway.placements[pooled].startswith("pool:")
    assert api.gateway.placements[dedicated] == f"event:{dedicated}"


async def test_pooled_events_are_spread_over_all_pools(api: Api) -> None:
    for _ in range(60):
        await api.make_event()
    assert set(api.gateway.placements.values()) == {"pool:0", "pool:1", "pool:2", "pool:3"}


async def test_prices_of_two_currencies_are_refused(api: Api) -> None:
    types = event_body()["ticket_types"]
    types[1]["price"]["currency"] = "USD"
    assert (await api.make_event(ticket_types=types)).paths == ["ticket_types[1].price.currency"]


async def test_two_ticket_types_of_one_code_are_refused(api: Api) -> None:
    types = event_body()["ticket_types"]
    assert (await api.make_event(ticket_types=[types[0], types[0]])).paths == ["ticket_types"]


async def test_times_that_do_not_fit_together_are_refused(api: Api) -> None:
    assert (await api.make_event(ends_at="2027-01-01T20:00:00Z")).paths == ["ends_at"]
    assert (await api.make_event(sales_start="2027-01-01T20:00:00Z")).paths == ["sales_start"]


async def test_an_event_that_is_not_there_is_not_found(api: Api) -> None:
    for path in ("01890000-0000-7000-8000-000000000001", "nonsense", "", "%2F", "ä"):
        assert (await api.get(f"/api/v1/events/{path}")).code == "not_found"


async def test_an_id_in_capitals_names_the_same_event(api: Api) -> None:
    event_id = await api.new_event()
    assert (await api.get(f"/api/v1/events/{event_id.upper()}")).json["id"] == event_id


async def test_a_ticket_type_is_shown_by_its_code(api: Api) -> None:
    event_id = await api.new_event()
    assert (await api.get(f"/api/v1/events/{event_id}/ticket-types/vip")).json["available"] == 2
    assert (await api.get(f"/api/v1/events/{event_id}/ticket-types/none")).code == "not_found"


async def test_availability_counts_what_is_held_and_confirmed(api: Api) -> None:
    event_id = await api.new_event(capacity=5)
    path, token = await api.new_hold(event_id, quantity=1)
    await api.new_hold(event_id, quantity=2)
    await api.post(f"{path}/confirm", headers=token)
    answer = await api.get(f"/api/v1/events/{event_id}/availability")
    assert answer.json == {
        "event_id": event_id,
        "sequence": 4,
        "ticket_types": [
            {"code": "ga", "quota": 10, "available": 2, "held": 2, "confirmed": 1},
            {"code": "vip", "quota": 2, "available": 2, "held": 0, "confirmed": 0},
        ],
    }
    assert answer.headers["ETag"] == '"4"'


async def test_availability_that_has_not_changed_is_not_sent_again(api: Api) -> None:
    event_id = await api.new_event()
    path = f"/api/v1/events/{event_id}/availability"
    tag = (await api.get(path)).headers["ETag"]
    unchanged = await api.get(path, headers={"If-None-Match": tag})
    assert (unchanged.status, unchanged.raw) == (304, b"")
    await api.hold(event_id)
    assert (await api.get(path, headers={"If-None-Match": tag})).status == 200


async def test_a_client_is_not_given_less_than_it_says_it_has_seen(api: Api) -> None:
    event_id = await api.new_event()
    path = f"/api/v1/events/{event_id}/availability"
    old = await api.reads.availability(event_id)
    assert old is not None
    await api.hold(event_id)
    seen = (await api.get(path)).headers["ETag"]
    api.reads.old_copies[event_id] = old
    assert (await api.get(path)).headers["ETag"] == '"1"', "another front end's copy is older"
    assert (await api.get(path, headers={"If-None-Match": seen})).status == 304


async def test_a_patch_changes_what_is_given_and_nothing_else(api: Api) -> None:
    event_id = await api.new_event(venue="The Hall", capacity=5)
    before = (await api.get(f"/api/v1/events/{event_id}")).json
    changed = await api.patch(
        f"/api/v1/events/{event_id}", json={"name": "Another", "venue": None}, headers=OPERATOR
    )
    assert changed.status == 200
    assert changed.headers["ETag"] == '"2"'
    assert changed.json == {**before, "name": "Another", "venue": None, "version": 2}


async def test_a_patch_changes_adds_and_removes_ticket_types_by_code(api: Api) -> None:
    event_id = await api.new_event()
    price = {"amount": 1, "currency": "EUR"}
    change = {
        "ticket_types": [
            {"code": "ga", "price": {"amount": 5000, "currency": "EUR"}},
            {"code": "late", "name": "Late", "quota": 3, "price": price, "max_per_order": 1},
        ],
        "removed_ticket_types": ["vip"],
    }
    changed = await api.patch(f"/api/v1/events/{event_id}", json=change, headers=OPERATOR)
    shown = {kind["code"]: kind for kind in changed.json["ticket_types"]}
    assert list(shown) == ["ga", "late"]
    assert (shown["ga"]["price"]["amount"], shown["ga"]["name"]) == (5000, "Standing")
    assert (shown["late"]["price"], shown["late"]["max_per_order"]) == (price, 1)


async def test_a_new_ticket_type_needs_name_quota_and_price(api: Api) -> None:
    event_id = await api.new_event()
    change = {"ticket_types": [{"code": "late", "quota": 3}]}
    assert (await api.patch(f"/api/v1/events/{event_id}", json=change, headers=OPERATOR)).paths == [
        "ticket_types[0]"
    ]


async def test_the_currency_cannot_be_changed(api: Api) -> None:
    path = f"/api/v1/events/{await api.new_event()}"
    dollars = {"ticket_types": [{"code": "ga", "price": {"amount": 1, "currency": "USD"}}]}
    assert (await api.patch(path, json=dollars, headers=OPERATOR)).paths == ["ticket_types[0].price.currency"]
    assert (await api.patch(path, json={"currency": "USD"}, headers=OPERATOR)).paths == ["currency"]


async def test_required_fields_cannot_be_taken_away(api: Api) -> None:
    path = f"/api/v1/events/{await api.new_event()}"
    for name in ("name", "starts_at", "hold_duration_s", "guests", "hold_extensions_max", "ticket_types"):
        assert (await api.patch(path, json={name: None}, headers=OPERATOR)).paths == [name]


async def test_a_quota_cannot_go_below_what_is_live(api: Api) -> None:
    event_id = await api.new_event()
    await api.hold(event_id, quantity=3)
    path = f"/api/v1/events/{event_id}"
    below = {"ticket_types": [{"code": "ga", "quota": 2}]}
    refused = await api.patch(path, json=below, headers=OPERATOR)
    assert (refused.status, refused.code, refused.json["live"]) == (409, "quota_below_live", 3)
    removal = await api.patch(path, json={"removed_ticket_types": ["ga"]}, headers=OPERATOR)
    assert removal.code == "quota_below_live"
    at = {"ticket_types": [{"code": "ga", "quota": 3}]}
    assert (await api.patch(path, json=at, headers=OPERATOR)).status == 200


async def test_if_match_lets_only_the_present_version_be_changed(api: Api) -> None:
    path = f"/api/v1/events/{await api.new_event()}"
    version = 1
    for tag in ('"{}"', 'W/"{}"', "{}", '"7", "{}"', "*"):
        header = {"If-Match": tag.format(version)}
        changed = await api.patch(path, json={"name": f"By {tag}"}, headers=OPERATOR | header)
        assert changed.status == 200, tag
        version += 1
    for tag in ('"1"', '"nonsense"', '""', '"1", "2"', '"99999999999999999999"'):
        stale = await api.patch(path, json={"name": "Late"}, headers=OPERATOR | {"If-Match": tag})
        assert (stale.status, stale.code) == (412, "stale"), tag


async def test_a_paused_sale_takes_no_new_holds_and_keeps_the_old_ones(api: Api) -> None:
    event_id = await api.new_event()
    path, token = await api.new_hold(event_id)
    paused = await api.post(f"/api/v1/events/{event_id}/pause", headers=OPERATOR)
    assert (paused.status, paused.json["paused"], paused.headers["ETag"]) == (200, True, '"2"')
    assert (await api.hold(event_id)).code == "sales_closed"
    assert (await api.post(f"{path}/confirm", headers=token)).status == 200
    resumed = await api.post(f"/api/v1/events/{event_id}/resume", headers=OPERATOR, json={})
    assert (resumed.json["paused"], resumed.json["version"]) == (False, 3)
    assert (await api.hold(event_id)).status == 201


async def test_commands_on_an_event_that_is_not_there_are_not_found(api: Api) -> None:
    for name in ("01890000-0000-7000-8000-000000000001", "nonsense"):
        path = f"/api/v1/events/{name}"
        assert (await api.patch(path, json={"name": "x"}, headers=OPERATOR)).code == "not_found"
        assert (await api.post(f"{path}/pause", headers=OPERATOR)).code == "not_found"
        assert (await api.post(f"{path}/reservations", json=hold_body())).code == "not_found"
        assert (await api.get(f"{path}/availability")).code == "not_found"
        assert (await api.get(f"{path}/reservations", headers=OPERATOR)).code == "not_found"
        assert (await api.get(f"{path}/ticket-types/ga")).code == "not_found"
