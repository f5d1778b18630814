"""What clients get of machine tokens; see `server/views.py`."""

from __future__ import annotations

from domain.account import MachineToken, Scope
from server.times import rfc3339, rfc3339_or_none
from server.views import View


class MachineTokenView(View, frozen=True):
    """A program's token, without what opens anything. `made_by`: the account or token that made it."""

    id: str
    organiser_id: str | None
    name: str
    scopes: list[Scope]
    made_by: str
    created_at: str
    expires_at: str
    revoked_at: str | None


class NewMachineTokenView(View, frozen=True):
    """`token` goes into `Authorization: Bearer`. It is shown here and never again."""

    token: str
    machine_token: MachineTokenView


def machine_token_view(token: MachineToken) -> MachineTokenView:
    return MachineTokenView(
        token.id,
        token.organiser_id,
        token.name,
        list(token.scopes),
        token.made_by,
        rfc3339(token.created_ms),
        rfc3339(token.expires_ms),
        rfc3339_or_none(token.revoked_ms),
    )
