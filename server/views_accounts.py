"""What clients get of accounts and sessions; see `server/views.py`."""

from __future__ import annotations

from typing import Literal

import msgspec

from domain.account import ACCESS_LIFE_MS, Account, Role, Session
from domain.restaurant_choice import score_of
from domain.views import Dined
from server.times import rfc3339
from server.views import View
from server.views_payments import PaymentView, WholeWalletView
from server.views_tickets import ReceivedTicketView


class AskedView(View, frozen=True):
    """The same whatever was asked and of whom: what came of it is in a mail, if there is one."""

    status: Literal["accepted"] = "accepted"


class AccountView(View, frozen=True):
    """`version` is the ETag. `reminders`: whether they are mailed; the link in one of them ends them too."""

    id: str
    email: str
    name: str
    language: str
    role: Role
    organiser_id: str | None
    version: int
    created_at: str
    reminders: bool


class SessionView(View, frozen=True):
    """`access_token` goes into `Authorization: Bearer`; `refresh_token` serves once, for the next of both."""

    access_token: str
    access_expires_at: str
    refresh_token: str
    refresh_expires_at: str
    account: AccountView
    expires_in_s: int = ACCESS_LIFE_MS // 1000


class OpenSessionView(View, frozen=True):
    """A log-in that lasts."""

    id: str
    created_at: str
    expires_at: str


class OwnReservationsView(View, frozen=True):
    """A page of one's own, of whatever kind."""

    items: list[msgspec.Raw]
    next: str | None


class DinedView(View, frozen=True):
    """What a restaurant has counted of its guest under the key of the e-mail, and the score that follows.
    `cancellations`: of what was confirmed, by the guest."""

    restaurant_id: str
    name: str
    visits: int
    cancellations: int
    no_shows: int
    score: int


class ExportView(View, frozen=True):
    """All that is kept of a person, the newest first. `tickets`: those that others passed on to them;
    `restaurants`: those that have counted anything of them."""

    account: AccountView
    sessions: list[OpenSessionView]
    reservations: list[msgspec.Raw]
    payments: list[PaymentView]
    wallets: list[WholeWalletView]
    tickets: list[ReceivedTicketView]
    restaurants: list[DinedView]


def account_view(account: Account) -> AccountView:
    return AccountView(
        account.id,
        account.email,
        account.name,
        account.language,
        account.role,
        account.organiser_id,
        account.version,
        rfc3339(account.created_ms),
        account.reminders,
    )


def session_view(session: Session) -> OpenSessionView:
    return OpenSessionView(session.id, rfc3339(session.created_ms), rfc3339(session.expires_ms))


def dined_view(one: Dined) -> DinedView:
    done, terms = one.history, one.terms
    counts = (done.visits, done.cancellations, done.no_shows)
    return DinedView(one.restaurant_id, terms.name, *counts, score_of(terms, done.visits, done.no_shows))
