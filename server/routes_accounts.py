"""The routes of accounts and sessions; see `server/routes.py`."""

from __future__ import annotations

from typing import Any

from server import payloads_accounts as given
from server import views_accounts as shown
from server.callers import Who
from server.handlers_accounts import AccountHandlers
from server.handlers_sessions import SessionHandlers
from server.route import Route
from server.throttle import Group

_ME = "/api/v1/accounts/me"
_RESETS = "/api/v1/password-resets"


# One route is easier to find among its like than among its arguments.
# fmt: off
def account_routes(accounts: AccountHandlers, sessions: SessionHandlers) -> list[Route]:
    """Every route of accounts and sessions."""
    account = shown.AccountView
    tag: Any = {"tag": "accounts", "reply_headers": ("Cache-Control",)}
    own: Any = {"tag": "accounts", "who": Who.ACCOUNT}
    anyone: Any = {**tag, "who": Who.ANYONE}
    asked: Any = {**anyone, "status": 202, "keyed": True, "group": Group.ASK_FOR_MAIL}
    mailed: Any = {**anyone, "problems": ("not_found",)}
    cached: Any = {**own, "reply_headers": ("ETag", "Cache-Control")}
    session: Any = {**anyone, "problems": ("unauthorized",)}
    return [
        Route("POST", "/api/v1/accounts", accounts.register, shown.AskedView, body=given.NewAccount, **asked),
        Route("POST", "/api/v1/accounts/confirm", accounts.confirm, account, body=given.Confirmation,
              **mailed | {"reply_headers": ("ETag", "Cache-Control")}),
        Route("GET", _ME, accounts.show, account, problems=("not_found",), **cached),
        Route("PATCH", _ME, accounts.change, account, body=given.AccountPatch, request_headers=("If-Match",),
              problems=("stale", "not_found"), **cached),
        Route("DELETE", _ME, accounts.erase, None, status=204, problems=("not_found", "in_use"), **own),
        Route("GET", f"{_ME}/export", accounts.export, shown.ExportView, problems=("not_found",),
              reply_headers=("Cache-Control",), **own),
        Route("POST", f"{_ME}/password", accounts.change_password, None, status=204,
              body=given.PasswordChange, group=Group.LOG_IN, problems=("not_found",), **own),
        Route("POST", "/api/v1/reservations/recover", accounts.recover, shown.AskedView, body=given.Recovery,
              **asked | {"tag": "reservations"}),
        Route("POST", _RESETS, accounts.ask_reset, shown.AskedView, body=given.WantedReset, **asked),
        Route("POST", f"{_RESETS}/confirm", accounts.reset, None, status=204, body=given.PasswordReset,
              **mailed | {"reply_headers": ()}),
        Route("POST", "/api/v1/sessions", sessions.log_in, shown.SessionView, status=201,
              body=given.Credentials, group=Group.LOG_IN, **session),
        Route("POST", "/api/v1/sessions/refresh", sessions.refresh, shown.SessionView, body=given.Renewal,
              keyed=True, **session),
        Route("DELETE", "/api/v1/sessions/current", sessions.log_out, None, status=204, **own),
    ]
