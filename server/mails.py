"""What the handlers ask of mails: where they stand, and those that are dead sent again."""

from __future__ import annotations

from typing import Protocol

from domain.mail import ListedMail, MailStatus


class Mails(Protocol):
    """Mails that were asked for. What is in them is nobody's business here."""

    async def page(self, status: MailStatus, after: tuple[int, str] | None, limit: int) -> list[ListedMail]:
        """The next ones, the oldest first, beginning after (created, id)."""

    async def find(self, mail_id: str) -> ListedMail | None:
        """One of them."""

    async def replay(self, mail_id: str) -> ListedMail | None:
        """Send a dead one again, with all of its attempts before it; None where it is not dead."""

    async def replay_all(self) -> int:
        """The same of all that are dead; how many those were."""

    async def prefer(self, customer: bytes, reminders: bool) -> None:
        """Whether the customer of that key is to be reminded."""
