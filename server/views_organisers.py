"""What clients get of organisers and their members; see `server/views.py`."""

from __future__ import annotations

from domain.account import Account, Organiser, Role
from server.times import rfc3339
from server.views import View


class OrganiserView(View, frozen=True):
    """Whoever puts things on."""

    id: str
    name: str
    created_at: str


class MemberView(View, frozen=True):
    """An account that acts for an organiser."""

    id: str
    name: str
    email: str
    role: Role


def organiser_view(organiser: Organiser) -> OrganiserView:
    return OrganiserView(organiser.id, organiser.name, rfc3339(organiser.created_ms))


def member_view(account: Account) -> MemberView:
    return MemberView(account.id, account.name, account.email, account.role)
