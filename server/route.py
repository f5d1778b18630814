"""What a route is: one method of one resource, with all that the document says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.account import Scope
from server import payloads as given
from server.callers import Who
from server.dispatch import Handler
from server.replies import JSON
from server.throttle import Group


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one resource."""

    method: str
    path: str
    handler: Handler
    answer: Any
    """The type of the body of success; None: it has none."""
    status: int = 200
    accepted: Any = None
    """The type of the body of 202, where a client may prefer not to wait for the answer."""
    who: Who = Who.OPERATOR
    """Denied to others unless it says so."""
    scope: Scope | None = None
    """What a machine token has to be for; None: whatever it is for, it is none of a machine's business."""
    grants: bool = False
    """Changes who may do what, whoever asks: it is audited."""
    body: Any = None
    body_optional: bool = False
    body_media: tuple[str, ...] = ()
    """A body that is no JSON: a file of one of these types."""
    body_max_bytes: int = 0
    """Of such a file."""
    query: Any = given.NoQuery
    problems: tuple[str, ...] = ()
    keyed: bool = False
    """Takes an Idempotency-Key."""
    asks_owner: bool = False
    group: Group | None = None
    """Whose bound it counts against, beside that of all requests."""
    request_headers: tuple[str, ...] = ()
    reply_headers: tuple[str, ...] = ()
    ends: bool = False
    """A stream that ends by itself: 204 to who comes back and has had all of it."""
    media: str = JSON
    tag: str = "service"

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return (self.handler.__doc__ or "").strip().partition("\n")[0].rstrip(".")

    @property
    def bare(self) -> bool:
        return self.tag != "service" and self.query is given.NoQuery
