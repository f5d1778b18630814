"""What the statistics say of a run's events and restaurants once clients have stopped, asked and recorded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loadtest.endpoints import Server
from loadtest.exchange import API, ms_of
from loadtest.record import Ranked, Recorder, Seating, Told, ToldStays
from loadtest.sale import operator

MINUTES = 1_440
DAYS = 366


def record_statistics(
    server: Server, events: Iterable[str], restaurants: Iterable[str], records: Path
) -> None:
    """Of each of these, and of the events those among the first of all. Raises `NoServer`."""
    wanted = set(events)
    with Recorder(records, "statistics") as recorder:
        for restaurant in sorted(restaurants):
            recorder.write(_told_stays(server, restaurant))
        for event in sorted(wanted):
            recorder.write(_told(server, event))
        first = operator(server, f"{API}/statistics")
        for one in (*first["by_sales"], *first["by_revenue"], *first["by_speed"]):
            if one["event_id"] in wanted:
                recorder.write(Ranked(one["event_id"], one["sold"], one["revenue"]["amount"]))


def _told(server: Server, event: str) -> Told:
    said = operator(server, f"{API}/events/{event}/statistics?bucket=minute&buckets={MINUTES}")
    types = [
        (kind["code"], kind["sold"], kind["revenue"]["amount"], kind["held"]) for kind in said["ticket_types"]
    ]
    minutes = [(span["sold"], span["revenue"]["amount"]) for span in said["over_time"]]
    since_ms = ms_of(said["over_time"][0]["begins_at"])
    total = said["revenue"]["amount"]
    return Told(event, said["sequence"], said["sold"], total, tuple(types), since_ms, tuple(minutes))


def _told_stays(server: Server, restaurant: str) -> ToldStays:
    said = operator(server, f"{API}/restaurants/{restaurant}/statistics?days={DAYS}")
    deposits = [
        (one["taken"]["currency"], one["taken"]["amount"], one["kept"]["amount"]) for one in said["deposits"]
    ]
    days = [_seatings(day["by_status"]) for day in said["by_day"]]
    since = said["by_day"][0]["date"]
    sequence, by_status = said["sequence"], _seatings(said["by_status"])
    return ToldStays(restaurant, sequence, by_status, tuple(deposits), since, tuple(days))


def _seatings(by_status: list[dict[str, Any]]) -> tuple[Seating, ...]:
    return tuple((one["status"], one["reservations"], one["covers"]) for one in by_status)
