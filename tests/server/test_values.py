"""Ids, times, customers and renderings: the small things that everything else is made of."""

from __future__ import annotations

import unicodedata
import uuid
from datetime import UTC, datetime, tzinfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.event_messages import Line, Reservation, ReservationReply, Status
from domain.restaurant_messages import History, RestaurantTerms
from domain.views import Dined
from server import views
from server.customers import CustomerKeys, normalised
from server.ids import id_bytes, parse_id, uuid7
from server.times import TIME_MAX_MS, rfc3339, to_ms
from server.views_accounts import dined_view

times_ms = some.integers(0, TIME_MAX_MS)


@given(times_ms)
def test_an_id_is_a_uuid_of_version_7_that_says_when(now_ms: int) -> None:
    made = uuid.UUID(uuid7(now_ms))
    assert (made.version, made.variant, made.int >> 80) == (7, uuid.RFC_4122, now_ms)
    assert str(made) == uuid7(now_ms)[:14] + str(made)[14:]


def test_ids_of_one_millisecond_differ() -> None:
    assert len({uuid7(1) for _ in range(10_000)}) == 10_000


@given(some.uuids())
def test_ids_are_read_in_any_case_and_written_in_one(value: uuid.UUID) -> None:
    assert parse_id(str(value)) == parse_id(str(value).upper()) == str(value)
    assert id_bytes(str(value)) == value.bytes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "0" * 32,
        "{01890000-0000-7000-8000-000000000001}",
        "01890000-0000-7000-8000-00000000000g",
        "01890000-0000-7000-8000-000000000001\n",
        "٠" * 36,
    ],
)
def test_what_is_no_id_is_none(text: str) -> None:
    assert parse_id(text) is None


@given(times_ms)
def test_times_are_written_in_utc_with_milliseconds_and_read_back(at_ms: int) -> None:
    text = rfc3339(at_ms)
    assert len(text) == len("2026-11-20T12:00:00.123Z")
    assert to_ms(datetime.fromisoformat(text)) == at_ms
    assert text.startswith(datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S"))


@given(
    some.datetimes(
        min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - the zone is added
        max_value=datetime(9998, 1, 1),  # noqa: DTZ001
    ),
    some.timezones(),
    some.integers(0, 1),
)
def test_any_offset_is_converted(shown: datetime, zone: tzinfo, fold: int) -> None:
    moment = shown.replace(tzinfo=zone, fold=fold)
    in_utc = moment.astimezone(UTC)
    assert (
        rfc3339(to_ms(moment)) == in_utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{in_utc.microsecond // 1000:03d}Z"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@example.org", "  ADA@Example.ORG\t"),
        ("zoë@exämple.org", unicodedata.normalize("NFD", "ZOË@EXÄMPLE.ORG")),
        ("straße@example.org", "STRASSE@example.org"),
        ("ada@example.org", "ａｄａ@example.org"),
    ],
)
def test_spellings_of_one_address_are_one_customer(one: str, other: str) -> None:
    keys = CustomerKeys(b"secret")
    assert keys.key(one) == keys.key(other)
    assert len(keys.key(one)) == 16


def test_addresses_that_differ_are_customers_that_differ() -> None:
    keys = CustomerKeys(b"secret")
    assert keys.key("ada+1@example.org") != keys.key("ada@example.org")
    assert keys.key("a.da@example.org") != keys.key("ada@example.org")
    assert CustomerKeys(b"another").key("ada@example.org") != keys.key("ada@example.org")
    assert normalised(" A@B ") == "a@b"


lines = some.builds(
    Line, some.text('abcXYZ-_."\\', min_size=1), some.integers(1, 10_000), some.integers(0, 1_000_000_000_000)
)


@given(some.lists(lines, max_size=5).map(tuple), some.text(max_size=30), times_ms)
def test_a_reservation_rendered_from_parts_is_the_reservation(
    priced: tuple[Line, ...], name: str, at_ms: int
) -> None:
    contact = msgspec.json.encode({"name": name, "email": "a@b"})
    claim = Reservation("r", Status.HELD, at_ms, priced, b"key", at_ms)
    shown = msgspec.json.decode(views.reservation("e", ReservationReply(claim, "EUR", contact), "token"))
    assert shown["customer"] == {"name": name, "email": "a@b"}
    assert shown["total"] == {"amount": claim.total, "currency": "EUR"}
    assert shown["lines"] == [
        {
            "ticket_type": line.ticket_type,
            "quantity": line.quantity,
            "unit_price": {"amount": line.unit_price, "currency": "EUR"},
        }
        for line in priced
    ]


def test_what_a_restaurant_has_counted_is_exported_with_its_score() -> None:
    house = RestaurantTerms("Corner", "UTC", (), (), score_start=50)
    shown = msgspec.to_builtins(dined_view(Dined("r", house, History(2, 1, 3))))
    counts = {"visits": 2, "cancellations": 1, "no_shows": 3, "score": 50 + 2 * 5 - 3 * 20}
    assert shown == {"restaurant_id": "r", "name": "Corner", **counts}


def test_an_erased_contact_is_shown_as_null() -> None:
    claim = Reservation("r", Status.CANCELLED, 0, (), b"key", 0)
    assert (
        msgspec.json.decode(views.reservation("e", ReservationReply(claim, "EUR", b"")))["customer"] is None
    )
