"""What those who watch a fold pass by need of it, whether it is an event's or a restaurant's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from loadtest.record import Sitting, View


class Shown(Protocol):
    """A reservation as the facts so far left it."""

    status: str

    def view(self) -> View | Sitting:
        """As a reply would show it."""


class Folded(Protocol):
    """An inventory's facts, added up."""

    inventory_id: str
    facts: int
    """How many."""

    @property
    def claims(self) -> Mapping[str, Shown]:
        """By reservation."""
