"""The routes of mails; see `server/routes.py`."""

from __future__ import annotations

from typing import Any

from domain.account import Scope
from server import payloads as given
from server import views as shown
from server.callers import Who
from server.handlers_mails import HTML, MailHandlers
from server.route import Route
from server.views_mails import MailView, ReplayedView

_MAIL = "/api/v1/mails/{mail_id}"
_UNSUBSCRIBE = "/api/v1/unsubscribe/{token}"


# One route is easier to find among its like than among its arguments.
# fmt: off
def mail_routes(mails: MailHandlers) -> list[Route]:
    """Every route of mails."""
    tag: Any = {"tag": "mails", "scope": Scope.READ}
    again: Any = {**tag, "scope": Scope.MANAGE, "body": given.Nothing, "body_optional": True}
    page: Any = {"media": HTML, "who": Who.ANYONE}
    ending: Any = {**page, "reply_headers": ("Cache-Control",), "problems": ("not_found",)}
    return [
        Route("GET", "/api/v1/mails", mails.list_all, shown.Page[MailView], query=given.MailsQuery, **tag),
        Route("POST", "/api/v1/mails/replay", mails.replay_all, ReplayedView, **again),
        Route("GET", _MAIL, mails.show, MailView, **tag),
        Route("POST", f"{_MAIL}/replay", mails.replay, MailView, problems=("wrong_state",), **again),
        Route("GET", _UNSUBSCRIBE, mails.ask_unsubscribe, str, **ending),
        Route("POST", _UNSUBSCRIBE, mails.unsubscribe, str, **ending),
        Route("GET", "/mail", mails.letters, str, problems=("unauthorized", "not_found"), **page),
        Route("GET", "/mail/{name}", mails.letter, str, problems=("unauthorized", "not_found"), **page),
    ]
