"""What the handlers ask of whoever keeps submissions: reservations that are asked for behind the scenes."""

from __future__ import annotations

from typing import Protocol

from domain.messages import Rejected
from domain.submission import Found, Submission


class Submissions(Protocol):
    """Keeps submissions. What it has accepted is durable, and is put to its owner by somebody."""

    async def accept(self, new: Submission) -> str | Rejected:
        """The submission's id: this one's, or that of the one that its key made before. `overloaded` if too
        much is pending, `key_reused`, or `not_found` if there is no such inventory of that kind."""

    async def find(self, submission_id: str) -> Found | None:
        """What is known of it, until it is purged."""
