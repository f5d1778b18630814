"""What the statistics say of a run's sales once its clients have stopped, asked and recorded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loadtest.endpoints import Server
from loadtest.exchange import API, ms_of
from loadtest.record import Ranked, Recorder, Told
from loadtest.sale import operator

MINUTES = 1_440


def record_statistics(server: Server, events: Iterable[str], records: Path) -> None:
    """Of each of these events, and of those among the first of all. Raises `NoServer`."""
    wanted = set(events)
    with Recorder(records, "statistics") as recorder:
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
