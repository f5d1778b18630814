"""What clients get who have made events from a list: see `server.views`."""

from __future__ import annotations

from server.problems import ProblemBody
from server.views import View


class FixtureView(View, frozen=True):
    """What became of one entry. `problem` null: it was made as asked for. With both `event_id` and a problem
    it was made, and its seats were not blocked or it was not published."""

    position: int
    name: str
    event_id: str | None
    problem: ProblemBody | None


class FixturesView(View, frozen=True):
    """What became of each entry of a list of events, in the list's order."""

    venue_id: str
    made: int
    refused: int
    items: list[FixtureView]
