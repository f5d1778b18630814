"""The operator's part of a run of several kinds: makes what its clients will want, and records it.

What a kind's witnesses fight for is small, of its own, and on hold for longer than any run.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from loadtest.behaviours import OnSale
from loadtest.endpoints import Server
from loadtest.evening import Evening
from loadtest.exchange import API
from loadtest.gathering import PLACE, Gathering
from loadtest.record import Dining, Kind, Recorder, Sale, now_us
from loadtest.rush import Rush
from loadtest.sale import WITNESS_HOLD_S, create_event, create_sale, operator, ticket_type

ROW_SEATS = 25
AISLE_AFTER = 12
SECTION = "Hall"
PRICE_CLASSES = (("front", 0.2, 9_000), ("middle", 0.6, 6_000), ("back", 1.0, 3_500))
"""(code, up to this share of the rows, price)."""
WITNESS_SEATS = 5
WITNESS_SECTION = "Row"
WITNESS_TYPE = "seat"
WITNESS_TABLES = 2
WITNESS_IN_DAYS = 2
SEATS_PER_CUSTOMER_MAX = 8
TABLE_SIZES = (2, 2, 4, 4, 4, 6, 8)
JOINED_MAX_PERSONS = 8
STAY_MINUTES = 120
BUFFER_MINUTES = 10
SESSIONS = 3
SESSION_STARTS_IN_H = 3


class Offers(msgspec.Struct, frozen=True):
    """What the users of a run are told of; what the mix does not have is None."""

    tickets: OnSale | None = None
    seats: Rush | None = None
    tables: Evening | None = None
    sessions: Gathering | None = None


@dataclass(frozen=True)
class Sizes:
    """How much of everything there is, and how long it is held."""

    tickets: int
    seats: int
    tables: int
    places: int
    hold_duration_s: int


def make_offers(
    server: Server, kinds: Collection[Kind], sizes: Sizes, opens_after_s: float, recorder: Recorder
) -> Offers:
    """Everything opens at one moment, when all of it has been made. Raises `NoServer`."""
    seats = _rush(server, sizes, opens_after_s, recorder) if "seats" in kinds else None
    tables = _evening(server, sizes, opens_after_s, recorder) if "tables" in kinds else None
    sessions = _gathering(server, sizes, opens_after_s, recorder) if "sessions" in kinds else None
    tickets = None
    if "tickets" in kinds:
        tickets = create_sale(server, sizes.tickets, opens_after_s, sizes.hold_duration_s, recorder)
    return Offers(tickets, seats, tables, sessions)


# --- seats ----------------------------------------------------------------------------------------


def _rush(server: Server, sizes: Sizes, opens_after_s: float, recorder: Recorder) -> Rush:
    rows = max(len(PRICE_CLASSES), sizes.seats // ROW_SEATS)
    lasts = [
        (code, max(number, round(rows * share))) for number, (code, share, _) in enumerate(PRICE_CLASSES, 1)
    ]
    sold = create_event(
        server,
        recorder,
        {
            "name": f"Seat rush of {rows * ROW_SEATS:,}",
            "sales_start": _after(opens_after_s),
            "hold_duration_s": sizes.hold_duration_s,
            "max_per_customer": SEATS_PER_CUSTOMER_MAX,
            "placement": "dedicated",
            "seating": {"venue_id": _hall(server, SECTION, rows, ROW_SEATS, lasts, AISLE_AFTER)},
            "ticket_types": [_class(code, price) for code, _, price in PRICE_CLASSES],
        },
        kind="seats",
    )
    witnessed = _witnessed_row(server, recorder)
    ((code, names),) = witnessed.seats
    return Rush(
        sold.event, sold.opens_us, SECTION, rows, ROW_SEATS, tuple(lasts), witnessed.event, names, code
    )


def _witnessed_row(server: Server, recorder: Recorder) -> Sale:
    venue_id = _hall(server, WITNESS_SECTION, 1, WITNESS_SEATS, [(WITNESS_TYPE, 1)])
    body = {
        "name": "Witnessed seats",
        "hold_duration_s": WITNESS_HOLD_S,
        "seating": {"venue_id": venue_id},
        "ticket_types": [_class(WITNESS_TYPE, 4_500)],
    }
    names = tuple(f"{WITNESS_SECTION}/1/{number}" for number in range(1, WITNESS_SEATS + 1))
    seats = ((WITNESS_TYPE, names),)
    return create_event(server, recorder, body, kind="seats", witnessed=True, seats=seats)


def _hall(
    server: Server, section: str, rows: int, row_seats: int, lasts: list[tuple[str, int]], aisle: int = 0
) -> str:
    block = {
        "section": section,
        "rows": rows,
        "seats_per_row": row_seats,
        "categories": [{"category": code, "last_row": last} for code, last in lasts],
        "aisles": [aisle] if aisle else [],
    }
    body = {"name": "Load hall", "city": "Loadtown", "plan": {"block": block}}
    return str(operator(server, f"{API}/venues", body)["id"])


def _class(code: str, price: int) -> dict[str, Any]:
    """A price class: all seats of the category of its name."""
    shown = ticket_type(code, 1, price)
    del shown["quota"]
    return {**shown, "categories": [code]}


# --- tables ---------------------------------------------------------------------------------------


def _evening(server: Server, sizes: Sizes, opens_after_s: float, recorder: Recorder) -> Evening:
    tables = [
        {"number": str(number + 1), "largest": TABLE_SIZES[number % len(TABLE_SIZES)]}
        for number in range(sizes.tables)
    ]
    pairs = [
        {"tables": [str(first), str(first + 1)], "smallest": 5, "largest": JOINED_MAX_PERSONS}
        for first in range(1, sizes.tables, len(TABLE_SIZES))
    ]
    terms = {
        "tables": tables,
        "joins": pairs,
        "buffer_minutes": BUFFER_MINUTES,
        "hold_duration_s": sizes.hold_duration_s,
        "placement": "dedicated",
    }
    dining = _open(server, recorder, f"Evening at {sizes.tables:,} tables", terms, opens_after_s)
    few = [{"number": str(number + 1), "largest": 2} for number in range(WITNESS_TABLES)]
    small = {"tables": few, "hold_duration_s": WITNESS_HOLD_S}
    witnessed = _open(server, recorder, "Witnessed tables", small, witnessed=True)
    day = (datetime.now(UTC) + timedelta(days=WITNESS_IN_DAYS)).date().isoformat()
    ids = tuple(table_id for table_id, _, _ in witnessed.tables)
    return Evening(dining.restaurant, dining.opens_us, witnessed.restaurant, ids, day)


def _open(
    server: Server,
    recorder: Recorder,
    name: str,
    terms: dict[str, Any],
    opens_after_s: float = 0.0,
    witnessed: bool = False,
) -> Dining:
    """A restaurant that takes reservations up to the last moment, in UTC, day and night."""
    always = {
        "time_zone": "UTC",
        "services": [{"weekday": day, "opens": "00:00", "closes": "00:00"} for day in range(7)],
        "notice_minutes": 0,
        "notice_same_day_minutes": 0,
        "no_show_grace_minutes": 0,
        "stay_minutes": STAY_MINUTES,
    }
    made = operator(server, f"{API}/restaurants", {"name": name, **always, **terms})
    tables = tuple((table["id"], table["smallest"], table["largest"]) for table in made["tables"])
    opens_us = now_us() + int(opens_after_s * 1e6)
    times = made["stay_minutes"], made["buffer_minutes"], made["hold_duration_s"]
    dining = Dining(made["id"], name, tables, *times, opens_us, witnessed)
    recorder.write(dining)
    return dining


# --- sessions -------------------------------------------------------------------------------------


def _gathering(server: Server, sizes: Sizes, opens_after_s: float, recorder: Recorder) -> Gathering:
    starts = datetime.now(UTC) + timedelta(hours=SESSION_STARTS_IN_H)
    made = []
    for number in range(SESSIONS):
        body = {
            "name": f"Session {number + 1} of the community",
            "sales_start": _after(opens_after_s),
            "starts_at": starts.isoformat(),
            "cancel_until": starts.isoformat(),
            "hold_duration_s": sizes.hold_duration_s,
            "one_per_customer": True,
            "listed": "while_open",
            "ticket_types": [ticket_type(PLACE, sizes.places, 0)],
        }
        made.append(create_event(server, recorder, body, kind="sessions"))
    return Gathering(tuple(sale.event for sale in made), max(sale.opens_us for sale in made))


def _after(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
