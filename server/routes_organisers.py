"""The routes of organisers and their members; see `server/routes.py`."""

from __future__ import annotations

from typing import Any

from domain.account import Scope
from server import payloads_organisers as given
from server import views_organisers as shown
from server.callers import Who
from server.handlers_organisers import OrganiserHandlers
from server.payloads import PageQuery
from server.route import Route
from server.throttle import Group
from server.views import Page
from server.views_accounts import AccountView, AskedView

_ORGANISER = "/api/v1/organisers/{organiser_id}"
_OWN = "/api/v1/accounts/me/organiser"


# One route is easier to find among its like than among its arguments.
# fmt: off
def organiser_routes(organisers: OrganiserHandlers) -> list[Route]:
    """Every route of organisers and their members."""
    tag: Any = {"tag": "organisers"}
    own: Any = {**tag, "who": Who.ORGANISER}
    joined: Any = {**tag, "who": Who.ACCOUNT, "grants": True}
    return [
        Route("POST", "/api/v1/organisers", organisers.create, shown.OrganiserView, status=201,
              body=given.NewOrganiser, reply_headers=("Location",), keyed=True, **tag),
        Route("GET", "/api/v1/organisers", organisers.list_all, Page[shown.OrganiserView], query=PageQuery,
              scope=Scope.READ, **tag),
        Route("GET", _ORGANISER, organisers.show, shown.OrganiserView, scope=Scope.READ, **own),
        Route("POST", f"{_ORGANISER}/invitations", organisers.invite, AskedView, status=202, keyed=True,
              body=given.NewInvitation, group=Group.ASK_FOR_MAIL, reply_headers=("Cache-Control",), **own),
        Route("GET", f"{_ORGANISER}/members", organisers.members, Page[shown.MemberView],
              reply_headers=("Cache-Control",), **own),
        Route("DELETE", f"{_ORGANISER}/members/{{account_id}}", organisers.dismiss, None, status=204, **own),
        Route("POST", _OWN, organisers.join, AccountView, body=given.Joining,
              problems=("not_found", "in_use", "limit_exceeded"), reply_headers=("ETag", "Cache-Control"),
              **joined),
        Route("DELETE", _OWN, organisers.leave, None, status=204, problems=("not_found",), **joined),
    ]
