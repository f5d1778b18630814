"""A mail to a customer: of which kind, to whom, and with what it is filled in.

A mail is asked for in the transaction of the deed that it tells of, or follows from a fact in the journal
(`domain.news`). Either way it is a row first and is sent later, by a news actor, at least once; all that is
sent of one row has one Message-ID. Of a reservation's mail the row has no address: that is looked up in the
reservation's contact when it is sent, so nothing is left to send to who has been erased.

What a kind needs is said here once (`FORMS`): whoever asks for a mail of an unknown kind, without something
that its template shows or with something that it does not know, is told so at once, not when it is sent.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

PARAMETERS_MAX_CHARACTERS = 8_000
"""Of all of a mail's parameters together, as JSON."""
RECIPIENT_MAX_CHARACTERS = 254
"""Of an address (RFC 5321, with its errata)."""

Language = Literal["en", "es"]
LANGUAGES: tuple[Language, ...] = ("en", "es")
LANGUAGE_DEFAULT: Language = "en"
Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"


class MailKind(enum.StrEnum):
    """What a mail is about; stored, so the values stay."""

    CONFIRMED = "reservation_confirmed"
    HOLD_EXPIRED = "hold_expired"
    CANCELLED = "reservation_cancelled"
    MOVED = "reservation_moved"
    REFUNDED = "refunded"
    WALLET_REFUNDED = "wallet_refunded"
    EVENT_CHANGED = "event_changed"
    EVENT_CANCELLED = "event_cancelled"
    REMINDER = "reminder"
    TICKET_TRANSFERRED = "ticket_transferred"
    TICKET_PASSED_ON = "ticket_passed_on"
    CONFIRM_EMAIL = "confirm_email"
    ACCOUNT_EXISTS = "account_exists"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a kind of mail
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a kind of mail
    RECOVER_LINKS = "recover_links"
    INVITATION = "invitation"


class MailStatus(enum.StrEnum):
    """Where a mail stands. `dead`: given up after its last attempt, for the operator to replay. `void`: there
    was nothing left to tell, or nobody to tell it to."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"
    VOID = "void"


@dataclass(frozen=True)
class Form:
    """What a kind is filled in with. `of_reservation`: the rest is looked up from that when it is sent."""

    needs: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    of_reservation: bool = False


def _of_reservation(*needs: str, may: tuple[str, ...] = ()) -> Form:
    return Form(frozenset(needs), frozenset(may), of_reservation=True)


def _of_person(*needs: str, may: tuple[str, ...] = ()) -> Form:
    return Form(frozenset(needs), frozenset(may))


FORMS: Mapping[MailKind, Form] = {
    MailKind.CONFIRMED: _of_reservation(),
    MailKind.HOLD_EXPIRED: _of_reservation(),
    MailKind.CANCELLED: _of_reservation(),
    MailKind.MOVED: _of_reservation(),
    MailKind.REFUNDED: _of_reservation("amount", "currency", may=("reason",)),
    MailKind.WALLET_REFUNDED: _of_person("amount", "currency", may=("reason",)),
    MailKind.EVENT_CHANGED: _of_reservation(
        "changed", may=("starts_at_ms", "venue", "city", "number", "generation")
    ),
    MailKind.EVENT_CANCELLED: _of_reservation(may=("number", "generation")),
    MailKind.REMINDER: _of_reservation("starts_at_ms", may=("number", "generation")),
    MailKind.TICKET_TRANSFERRED: _of_reservation("number", "generation"),
    MailKind.TICKET_PASSED_ON: _of_reservation("number", "generation"),
    MailKind.CONFIRM_EMAIL: _of_person("token", "valid_minutes"),
    MailKind.ACCOUNT_EXISTS: _of_person(),
    MailKind.PASSWORD_RESET: _of_person("token", "valid_minutes"),
    MailKind.PASSWORD_CHANGED: _of_person(),
    MailKind.RECOVER_LINKS: _of_person("reservation_ids"),
    MailKind.INVITATION: _of_person("token", "valid_days", "organiser"),
}
"""`token`: goes into the link, and is shown for who types. `valid_minutes`, `valid_days`: of that token.
`amount` in minor units; `reason`: one of `domain.refund.Reason`. `reservation_ids`: a list; what is to be
said of each, its links and its codes are looked up. `number`, `generation`: of a ticket; `ticket_transferred`
goes to whom it was passed on to, whose address is looked up too, as what is told of the event with them does,
`ticket_passed_on` to whose it was."""


@dataclass(frozen=True)
class Mail:
    """One to be sent. With a reservation but no `recipient` it goes to that reservation's customer; without
    a `language`, in the customer's, and else in `LANGUAGE_DEFAULT`. Not before `not_before_ms`, and not any
    more from `until_ms` on."""

    kind: MailKind
    recipient: str | None = None
    reservation_id: str | None = None
    inventory_id: str | None = None
    language: Language | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    not_before_ms: int = 0
    until_ms: int | None = None


@dataclass(frozen=True)
class ListedMail:
    """A row without what is in it. `recipient` only of a mail to no reservation, while it is to be sent."""

    id: str
    kind: str
    status: MailStatus
    inventory_id: str | None
    reservation_id: str | None
    recipient: str | None
    created_ms: int
    due_ms: int
    attempts: int
    error: str | None
    ended_ms: int | None


class UnsoundMail(ValueError):
    """A mail that could not be written: whoever asked for it has a bug."""


def check(mail: Mail) -> None:
    """Raises UnsoundMail. Names what is wrong, and repeats nothing that was given."""
    form = FORMS.get(mail.kind)
    if form is None:
        raise UnsoundMail("there is no such kind of mail")
    given = set(mail.parameters)
    if not form.needs <= given:
        raise UnsoundMail(f"{mail.kind}: without {', '.join(sorted(form.needs - given))}")
    if not given <= form.needs | form.may:
        raise UnsoundMail(f"{mail.kind}: knows no {', '.join(sorted(given - form.needs - form.may))}")
    if form.of_reservation and (mail.reservation_id is None or mail.inventory_id is None):
        raise UnsoundMail(f"{mail.kind}: of which reservation, of what?")
    if mail.recipient is None and mail.reservation_id is None:
        raise UnsoundMail(f"{mail.kind}: to whom?")
    if mail.recipient is not None and not _is_address(mail.recipient):
        raise UnsoundMail(f"{mail.kind}: the recipient is no address")


def _is_address(text: str) -> bool:
    """Whether it could be one, and has nothing in it that would begin another header."""
    sound = len(text) <= RECIPIENT_MAX_CHARACTERS and text.isprintable() and " " not in text
    local, at, host = text.rpartition("@")
    return sound and bool(local and at and host)
