"""The only door from the server to the owners."""

from __future__ import annotations

from dataclasses import dataclass

from domain.event_messages import CreateEvent, EventCommand, EventReplies


@dataclass(slots=True, frozen=True)
class Key:
    """A client's Idempotency-Key: the id made from it (16 bytes), and the digest of the body it came with."""

    request_id: bytes
    fingerprint: bytes


class Gateway:
    """Asks owners, and sees to it that an answer comes, once, or says that its outcome is unknown."""

    async def ask(self, inventory_id: str, command: EventCommand, key: Key | None = None) -> EventReplies:
        """The owner's reply. `Rejected` with `overloaded`: nothing happened; `unavailable`: unknown."""
        raise NotImplementedError

    async def create(self, command: CreateEvent, owner: str, key: Key | None = None) -> EventReplies:
        """Make the event; with a key that has made one already, the reply it got then."""
        raise NotImplementedError

    async def owners(self) -> list[dict[str, object]]:
        """What each living owner says of itself: name, inventories, depth, rate, last error."""
        raise NotImplementedError

    async def ready(self) -> None:
        """Raise unless an owner answers."""
        raise NotImplementedError
