"""What clients send of webhook endpoints; see `server/payloads.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from domain.endpoints import DESCRIPTION_MAX_CHARACTERS, URL_MAX_CHARACTERS, FactKind
from server.payloads import PageQuery, Payload

Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=URL_MAX_CHARACTERS,
        description="https, visible ASCII, without user, password or fragment; no private address.",
    ),
]
Kinds = Annotated[
    tuple[FactKind, ...], Meta(max_length=len(FactKind), description="Of facts; none: all there are.")
]
Words = Annotated[str, Meta(max_length=DESCRIPTION_MAX_CHARACTERS)]
Id = Annotated[str, Meta(min_length=36, max_length=36)]


class NewEndpoint(Payload, frozen=True):
    """Where to tell of facts: of one event or restaurant (`inventory_id`) or of all; of one organiser's only
    where that is named, and always of an organiser that asks."""

    url: Url
    kinds: Kinds = ()
    inventory_id: Id | None = None
    organiser_id: Id | None = None
    description: Words = ""


class EndpointPatch(Payload, frozen=True):
    """What is to be changed of an endpoint."""

    url: Url | UnsetType = UNSET
    kinds: Kinds | UnsetType = UNSET
    description: Words | UnsetType = UNSET


class DeliveriesQuery(PageQuery, frozen=True):
    """A page of an endpoint's deliveries, of one status or of all."""

    status: Literal["pending", "delivered", "dead"] | UnsetType = UNSET
