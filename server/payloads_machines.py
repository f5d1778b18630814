"""What clients send of machine tokens; see `server/payloads.py`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from domain.account import MACHINE_TOKEN_LIFE_MAX_S, MACHINE_TOKEN_LIFE_MIN_S, Scope
from server.payloads import OrganiserId, Payload, Text


class NewMachineToken(Payload, frozen=True):
    """What the program is called, what its token is for, and for how many seconds it serves."""

    name: Text
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=len(Scope))]
    expires_in_s: Annotated[int, Meta(ge=MACHINE_TOKEN_LIFE_MIN_S, le=MACHINE_TOKEN_LIFE_MAX_S)]
    organiser_id: OrganiserId | None = None
