"""Mails: for operators where they stand; for customers no more reminders; for who develops, the letters.

Letters open accounts and reservations, so their pages are for who knows the operator's token, which a browser
asks for as a password, also on this machine: any page that the browser has open could ask for them there.
There are such pages only where no SMTP server is named.
"""

from __future__ import annotations

import asyncio
from functools import cache

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from domain.mail import MailStatus
from domain.unsubscribing import customer_in
from server.access import AUTHORIZATION
from server.bodies import read_body
from server.ids import parse_id
from server.letter_box import LETTERS_SHOWN_MAX, LetterBox
from server.paging import cursor_of, parse_query, sort_key_of
from server.parts import Parts
from server.payloads import MailsQuery
from server.problems import Problem, invalid, not_found
from server.replies import Reply
from server.views import encode, page
from server.views_mails import ReplayedView, mail_view

HTML = "text/html; charset=utf-8"
_POLICY = (
    b"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    b"frame-ancestors 'none'; base-uri 'none'\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n"
)
_ASK_PASSWORD = b'WWW-Authenticate: Basic realm="Turnstile mail: any name, the operator\'s token"\r\n'


class MailHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        folder = parts.options.mail_folder
        self._box = LetterBox(folder) if folder else None

    async def list_all(self, request: web.BaseRequest) -> Reply:
        """List mails of one status, the oldest first."""
        query = parse_query(request, MailsQuery)
        after = sort_key_of(query.cursor, tuple[int, str])
        if after is not None and (parse_id(after[1]) is None or not 0 <= after[0] < 2**63):
            raise invalid("cursor", "Not a cursor of this list.")
        found = await self._parts.mails.page(MailStatus(query.status), after, query.limit + 1)
        shown = found[: query.limit]
        following = cursor_of((shown[-1].created_ms, shown[-1].id)) if len(found) > query.limit else None
        return Reply(200, page([mail_view(mail) for mail in shown], following))

    async def show(self, _request: web.BaseRequest, mail_text: str) -> Reply:
        """Show where a mail stands."""
        mail_id = parse_id(mail_text)
        mail = await self._parts.mails.find(mail_id) if mail_id else None
        if mail is None:
            raise not_found("mail")
        return Reply(200, encode(mail_view(mail)))

    async def replay(self, request: web.BaseRequest, mail_text: str) -> Reply:
        """Send a dead mail again. One that is pending stays so."""
        await read_body(request, self._parts.options.body_max_bytes)
        mail_id = parse_id(mail_text)
        mails = self._parts.mails
        mail = await mails.replay(mail_id) or await mails.find(mail_id) if mail_id else None
        if mail is None:
            raise not_found("mail")
        if mail.status is not MailStatus.PENDING:
            raise Problem("wrong_state", f"This mail is {mail.status.value}.", mail_status=mail.status.value)
        return Reply(200, encode(mail_view(mail)))

    async def replay_all(self, request: web.BaseRequest) -> Reply:
        """Send all dead mails again."""
        await read_body(request, self._parts.options.body_max_bytes)
        return Reply(200, encode(ReplayedView(await self._parts.mails.replay_all())))

    async def ask_unsubscribe(self, _request: web.BaseRequest, token: str) -> Reply:
        """Show a page to end reminders by. Looking at it ends nothing: programs look at links too."""
        self._customer(token)
        return _page("unsubscribe.html", done=False)

    async def unsubscribe(self, request: web.BaseRequest, token: str) -> Reply:
        """End reminders to the customer of this token (RFC 8058)."""
        customer = self._customer(token)
        await read_body(request, self._parts.options.body_max_bytes)
        await self._parts.mails.prefer(customer, reminders=False)
        return _page("unsubscribe.html", done=True)

    async def letters(self, request: web.BaseRequest) -> Reply:
        """Show the mails that no SMTP server took, as a page."""
        box = self._opened(request)
        if box is None:
            return Reply(401, b"", _POLICY + _ASK_PASSWORD, HTML)
        letters = await asyncio.to_thread(box.newest)
        return _page("mail.html", letter=None, letters=letters, shown_max=LETTERS_SHOWN_MAX)

    async def letter(self, request: web.BaseRequest, name: str) -> Reply:
        """Show one of these mails, as a page."""
        box = self._opened(request)
        if box is None:
            return Reply(401, b"", _POLICY + _ASK_PASSWORD, HTML)
        letter = await asyncio.to_thread(box.letter, name)
        if letter is None:
            raise not_found("mail")
        return _page("mail.html", letter=letter)

    def _opened(self, request: web.BaseRequest) -> LetterBox | None:
        """None: who asks has first to say the password."""
        if self._box is None:
            raise not_found("page")
        return self._box if self._parts.access.is_password(request.headers.get(AUTHORIZATION)) else None

    def _customer(self, token: str) -> bytes:
        customer = customer_in(token, self._parts.access.reservation_secret)
        if customer is None:
            raise not_found("page")
        return customer


@cache
def _pages() -> Environment:
    return Environment(
        loader=PackageLoader("server", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _page(name: str, **said: object) -> Reply:
    return Reply(200, _pages().get_template(name).render(**said).encode(), _POLICY, HTML)
