"""What an endpoint is told, how that is signed, and where it may not be."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from actors.webhooks.bodies import TOLD, Place, about, body_of
from domain.endpoints import URL_MAX_CHARACTERS, Endpoint, FactKind, secret_of, signature, url_fault
from domain.event_messages import (
    EventCancelled,
    HoldPlaced,
    Line,
    Reservation,
    ReservationConfirmed,
    ReservationRetaken,
    ReservationSold,
    Status,
)
from domain.kinds import Fact
from domain.restaurant_messages import StayProlonged, TableHeld, WalkInSeated
from domain.ticket_messages import Entry, TicketCheckedIn, TicketTransferred

NOW_MS = 1_783_105_200_123
KEY = b"k" * 32
EVENT, RESERVATION = "01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000002"
ENDPOINT = Endpoint(id="01890000-0000-7000-8000-000000000003", url="https://hooks.example/", created_ms=1)
WHO = b"a customer's key"


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example",
        "https://hooks.example:8443/a/b?c=d@e",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]:443/x",
        "https://hooks.example/" + "a" * (URL_MAX_CHARACTERS - 22),
    ],
)
def test_a_public_https_address_is_taken(url: str) -> None:
    assert url_fault(url, local=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "HTTPS://hooks.example/",
        "ftp://hooks.example/",
        "https://user:password@hooks.example/",
        "https://user@hooks.example/",
        "https://hooks.example#x",
        "https://hooks.example/#x",
        "https://hooks.example\\@evil.example/",
        "https://hooks.example/ x",
        "https://hooks.example/\n",
        "https://hööks.example/",
        "https:///x",
        "https://hooks.example:0/",
        "https://hooks.example:65536/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://hooks.example/" + "a" * (URL_MAX_CHARACTERS - 21),
    ],
)
def test_what_is_not_is_not(url: str) -> None:
    assert url_fault(url, local=False)


@pytest.mark.parametrize("host", ["127.0.0.1:8", "localhost:8", "[::1]:8"])
def test_this_machine_is_told_where_that_is_set(host: str) -> None:
    for scheme in ("http", "https"):
        assert url_fault(f"{scheme}://{host}/", local=True) is None
    assert url_fault(f"http://{host}/", local=False)


@pytest.mark.parametrize("url", ["http://hooks.example/", "http://10.0.0.1/", "https://10.0.0.1/"])
def test_others_are_told_no_more_easily_for_it(url: str) -> None:
    assert url_fault(url, local=True)


def test_a_delivery_is_signed_over_its_id_its_time_and_its_body() -> None:
    secret = secret_of(KEY, ENDPOINT.id, 1)
    assert secret.startswith("whsec_")
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    expected = hmac.new(raw, f"d.{NOW_MS // 1000}.".encode() + b"{}", hashlib.sha256).digest()
    assert signature(KEY, ENDPOINT, "d", NOW_MS, b"{}") == "v1," + base64.b64encode(expected).decode()


def test_while_a_secret_is_replaced_both_sign() -> None:
    rotated = replace(ENDPOINT, generation=2, old_secret_until_ms=NOW_MS + 1)
    both = signature(KEY, rotated, "d", NOW_MS, b"{}").split()
    assert both[1] == signature(KEY, ENDPOINT, "d", NOW_MS, b"{}")
    assert signature(KEY, rotated, "d", NOW_MS + 1, b"{}").split() == [both[0]]


@pytest.mark.parametrize(
    ("endpoint", "wanted"),
    [
        (ENDPOINT, True),
        (replace(ENDPOINT, kinds=("hold.placed",)), True),
        (replace(ENDPOINT, kinds=("hold.expired",)), False),
        (replace(ENDPOINT, inventory_id=EVENT), True),
        (replace(ENDPOINT, inventory_id=RESERVATION), False),
        (replace(ENDPOINT, organiser_id="o"), True),
        (replace(ENDPOINT, organiser_id="p"), False),
    ],
)
def test_an_endpoint_is_told_what_it_wants_of_what_is_its_own(endpoint: Endpoint, wanted: bool) -> None:
    assert endpoint.wants(FactKind.HOLD_PLACED, EVENT, "o") is wanted


def test_nothing_of_nobodys_is_told_to_an_organiser() -> None:
    assert not replace(ENDPOINT, organiser_id="o").wants(FactKind.HOLD_PLACED, EVENT, None)


def test_every_fact_has_a_kind_and_every_kind_a_fact() -> None:
    assert set(TOLD) == set(get_args(Fact))
    assert {kind for kind, _ in TOLD.values()} == set(FactKind)


LINES = (Line("std", 2, 4_500, ("A/1", "A/2")),)
OF_PEOPLE: list[Any] = [
    HoldPlaced(NOW_MS, RESERVATION, WHO, LINES, NOW_MS),
    ReservationRetaken(
        NOW_MS, RESERVATION, "p", Reservation(RESERVATION, Status.CONFIRMED, NOW_MS, LINES, WHO, NOW_MS)
    ),
    ReservationSold(NOW_MS, RESERVATION, "cash", WHO.decode()),
    TicketCheckedIn(NOW_MS, RESERVATION, 1, Entry(NOW_MS, WHO.decode(), "north", WHO.decode())),
    TicketTransferred(NOW_MS, RESERVATION, 1, 2, WHO),
    TableHeld(NOW_MS, RESERVATION, WHO, ("t",), NOW_MS, NOW_MS, NOW_MS, 2, NOW_MS, WHO),
    WalkInSeated(NOW_MS, RESERVATION, WHO, ("t",), NOW_MS, NOW_MS, NOW_MS, 2, WHO),
]


@pytest.mark.parametrize("fact", OF_PEOPLE, ids=lambda fact: type(fact).__name__)
def test_a_body_names_no_person(fact: Fact) -> None:
    body = body_of(fact, Place(EVENT, "event", 3, 0))
    encoded = base64.b64encode(WHO)
    assert WHO not in body
    assert encoded.rstrip(b"=") not in body
    assert RESERVATION.encode() in body


def test_a_body_says_what_has_happened_where_and_when() -> None:
    body = json.loads(body_of(OF_PEOPLE[0], Place(EVENT, "event", 3, 1)))
    assert body == {
        "type": "hold.placed",
        "at": "2026-07-03T19:00:00.123Z",
        "event_id": EVENT,
        "sequence": 3,
        "position": 1,
        "reservation_id": RESERVATION,
        "data": {
            "lines": [{"ticket_type": "std", "quantity": 2, "seats": ["A/1", "A/2"]}],
            "expires_at": "2026-07-03T19:00:00.123Z",
        },
    }


@pytest.mark.parametrize("warned", [(), (EVENT,)])
def test_who_is_next_where_a_party_stays_on_is_told(warned: tuple[str, ...]) -> None:
    fact = StayProlonged(NOW_MS, RESERVATION, NOW_MS, NOW_MS, NOW_MS, 1, warned)
    body = json.loads(body_of(fact, Place(EVENT, "restaurant", 3, 0)))
    assert body["type"] == "reservation.prolonged"
    assert body["data"] == {"ends_at": "2026-07-03T19:00:00.123Z", "warned": list(warned)}


def test_a_fact_is_about_its_reservation_or_else_the_event() -> None:
    assert about(ReservationConfirmed(NOW_MS, RESERVATION), EVENT) == RESERVATION
    assert about(EventCancelled(NOW_MS), EVENT) == EVENT
