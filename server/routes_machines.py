"""The routes of machine tokens; see `server/routes.py`. None has a scope: they are for persons."""

from __future__ import annotations

from typing import Any

from server import payloads_machines as given
from server import views_machines as shown
from server.callers import Who
from server.handlers_machines import MachineHandlers
from server.payloads import PageQuery
from server.route import Route
from server.views import Page

_TOKENS = "/api/v1/machine-tokens"


# One route is easier to find among its like than among its arguments.
# fmt: off
def machine_routes(machines: MachineHandlers) -> list[Route]:
    """Every route of machine tokens."""
    tag: Any = {"tag": "machine tokens", "who": Who.ORGANISER}
    return [
        Route("POST", _TOKENS, machines.create, shown.NewMachineTokenView, status=201,
              body=given.NewMachineToken, keyed=True, reply_headers=("Location", "Cache-Control"),
              problems=("limit_exceeded",), **tag),
        Route("GET", _TOKENS, machines.list_all, Page[shown.MachineTokenView], query=PageQuery, **tag),
        Route("DELETE", f"{_TOKENS}/{{token_id}}", machines.revoke, None, status=204, **tag),
    ]
