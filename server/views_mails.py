"""Mails, as operators see them."""

from __future__ import annotations

from domain.mail import ListedMail
from server.times import rfc3339
from server.views import View


class MailView(View, frozen=True):
    """A mail without what is in it. `recipient`: of a mail that is about no reservation, until it is sent. A
    `pending` one is tried at `due_at`; a `dead` one was refused for good or too often, and `error` says how;
    of a `void` one there was nothing left to tell."""

    id: str
    kind: str
    status: str
    inventory_id: str | None
    reservation_id: str | None
    recipient: str | None
    created_at: str
    due_at: str
    attempts: int
    error: str | None
    ended_at: str | None


class ReplayedView(View, frozen=True):
    """How many are to be sent again."""

    replayed: int


def mail_view(mail: ListedMail) -> MailView:
    return MailView(
        mail.id,
        mail.kind,
        mail.status.value,
        mail.inventory_id,
        mail.reservation_id,
        mail.recipient,
        rfc3339(mail.created_ms),
        rfc3339(mail.due_ms),
        mail.attempts,
        mail.error,
        None if mail.ended_ms is None else rfc3339(mail.ended_ms),
    )
