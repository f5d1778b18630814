"""What the handlers ask of whoever keeps webhook endpoints, and the log of what was told to each."""

from __future__ import annotations

from typing import Protocol

from domain.endpoints import Delivery, DeliveryStatus, Endpoint, EndpointChange
from domain.messages import Rejected

Key = tuple[bytes, bytes]
"""A request id, and the fingerprint of the body that it came with."""


class Endpoints(Protocol):
    """Where somebody is told of facts."""

    async def secrets_key(self) -> bytes:
        """What endpoints' secrets are made of."""

    async def create(self, new: Endpoint, key: Key | None) -> Endpoint | Rejected:
        """This one, or the one that its key made before. `limit_exceeded`, `key_reused`."""

    async def find(self, endpoint_id: str) -> Endpoint | None:
        """One of them."""

    async def page(self, after: str | None, limit: int, organiser_id: str | None = None) -> list[Endpoint]:
        """The next ones by id, all or an organiser's."""

    async def change(
        self, endpoint_id: str, change: EndpointChange, if_version: int | None
    ) -> Endpoint | Rejected:
        """`not_found`, or `stale` if the version is not the one meant."""

    async def remove(self, endpoint_id: str, if_version: int | None) -> Rejected | None:
        """Nothing is sent any more. `not_found`, `stale`."""

    async def rotate(self, endpoint_id: str, if_version: int | None, key: Key | None) -> Endpoint | Rejected:
        """With the next secret, or the one that the key made before; the old one signs too for a day.
        `not_found`, `stale`, `key_reused`."""

    async def pause(self, endpoint_id: str) -> Endpoint | None:
        """Nothing is sent until it is resumed; what happens is kept for it."""

    async def resume(self, endpoint_id: str) -> Endpoint | None:
        """What waits is sent."""

    async def log(
        self, endpoint_id: str, status: DeliveryStatus | None, after: tuple[int, str] | None, limit: int
    ) -> list[Delivery]:
        """The newest first, without their bodies, beginning after (created, id)."""

    async def delivery(self, endpoint_id: str, delivery_id: str) -> Delivery | None:
        """One, with its body."""

    async def replay(self, endpoint_id: str, delivery_id: str) -> Delivery | None:
        """Send one that has ended again; None where there is none."""

    async def replay_dead(self, endpoint_id: str) -> int:
        """The same of all that are dead; how many those were."""
