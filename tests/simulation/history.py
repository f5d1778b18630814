"""What clients asked and were told, and what owners said: the evidence that the checker goes through."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

from actors.gateway import Key
from domain.kinds import Command, Reply
from domain.messages import Code, Rejected


@dataclass(slots=True, eq=False)
class Attempt:
    """One request of a client at one gateway. A retry is another attempt, with the same key."""

    number: int
    client: str
    gateway: str
    inventory_id: str
    command: Command
    key: Key | None
    scope: str
    invoked_s: float
    request_id: bytes = b""
    answered_s: float | None = None
    reply: Reply | None = None
    seq: int = 0
    """The inventory's committed sequence when the reply came."""

    @property
    def refusal(self) -> Code | None:
        return self.reply.code if isinstance(self.reply, Rejected) else None

    @property
    def place(self) -> tuple[str, bytes]:
        """Where its request id would be recorded."""
        return self.scope or self.inventory_id, self.request_id


ATTEMPT: ContextVar[Attempt | None] = ContextVar("ATTEMPT", default=None)
"""The attempt that the present task of a gateway carries."""


@dataclass(slots=True, eq=False)
class Answered:
    """One call as its owner answered it."""

    incarnation: str
    session: int
    received_s: float
    answered_s: float
    payload: bytes
    answers: bytes


@dataclass(slots=True, eq=False)
class Commit:
    """One inventory's part of an append, as it was committed."""

    at_s: float
    at_ms: int
    """When its facts happened, in store time as the owner knew it."""
    seq: int
    position: int = 0
    """Which of the requests of its append."""


@dataclass(slots=True, eq=False)
class Claim:
    """A change of ownership that was committed; a move has no session, for nobody owns it yet."""

    at_s: float
    session: int | None


@dataclass
class History:
    """All of it, in the order in which it happened."""

    attempts: list[Attempt] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    claims: dict[str, list[Claim]] = field(default_factory=dict)
    """By inventory, in the order of their commits."""
    commits: dict[tuple[str, int], Commit] = field(default_factory=dict)
    """By inventory and sequence."""
    deaths: dict[str, float] = field(default_factory=dict)
    """By front end: when it died, and its requests with it."""
    effects: dict[tuple[str, bytes], Commit] = field(default_factory=dict)
    """By where the request is recorded."""
