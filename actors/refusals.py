"""Constraints whose refusal is no bug but an answer: rules over several inventories, which no owner of one of
them can decide alone."""

from __future__ import annotations

from collections.abc import Mapping

from domain.messages import Rejected
from domain.venue_time import VENUE_GONE, VENUE_TAKEN

ANSWERS: Mapping[str | None, Rejected] = {"events_apart": VENUE_TAKEN, "events_venue": VENUE_GONE}
"""By the constraint's name."""
