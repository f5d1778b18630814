"""Webhook endpoints in memory, under the same rules."""

from __future__ import annotations

from msgspec.structs import replace

from domain.endpoints import ENDPOINTS_MAX, Delivery, DeliveryStatus, Endpoint, EndpointChange
from domain.messages import Code, Rejected
from persistence.endpoints import BY_OPERATOR, FULL, KEY_REUSED, NO_ENDPOINT
from server.endpoints import Key

SECRETS_KEY = b"webhook key".ljust(32, b".")


class DirectEndpoints:
    """What there is, what was told, and what keys have made."""

    def __init__(self) -> None:
        self.kept: dict[str, Endpoint] = {}
        self.told: dict[str, Delivery] = {}
        self.recorded: dict[bytes, tuple[bytes, Endpoint]] = {}

    async def secrets_key(self) -> bytes:
        return SECRETS_KEY

    async def create(self, new: Endpoint, key: Key | None) -> Endpoint | Rejected:
        if key is not None and key[0] in self.recorded:
            fingerprint, made = self.recorded[key[0]]
            return made if fingerprint == key[1] else KEY_REUSED
        if sum(one.organiser_id == new.organiser_id for one in self.kept.values()) >= ENDPOINTS_MAX:
            return FULL
        return self._keep(new, key)

    async def find(self, endpoint_id: str) -> Endpoint | None:
        return self.kept.get(endpoint_id)

    async def page(self, after: str | None, limit: int, organiser_id: str | None = None) -> list[Endpoint]:
        found = [self.kept[id_] for id_ in sorted(self.kept) if after is None or id_ > after]
        return [one for one in found if organiser_id in (None, one.organiser_id)][:limit]

    async def change(
        self, endpoint_id: str, change: EndpointChange, if_version: int | None
    ) -> Endpoint | Rejected:
        there = self._of_version(endpoint_id, if_version)
        if isinstance(there, Rejected):
            return there
        names = ("url", "kinds", "description")
        wanted = {name: getattr(change, name) for name in names if getattr(change, name) is not None}
        return self._keep(replace(there, **wanted, version=there.version + 1))

    async def remove(self, endpoint_id: str, if_version: int | None) -> Rejected | None:
        there = self._of_version(endpoint_id, if_version)
        if isinstance(there, Rejected):
            return there
        del self.kept[endpoint_id]
        return None

    async def rotate(self, endpoint_id: str, if_version: int | None, key: Key | None) -> Endpoint | Rejected:
        if key is not None and key[0] in self.recorded:
            fingerprint, made = self.recorded[key[0]]
            return made if fingerprint == key[1] else KEY_REUSED
        there = self._of_version(endpoint_id, if_version)
        if isinstance(there, Rejected):
            return there
        return self._keep(replace(there, generation=there.generation + 1, version=there.version + 1), key)

    async def pause(self, endpoint_id: str) -> Endpoint | None:
        there = self.kept.get(endpoint_id)
        return there and self._keep(replace(there, paused_ms=1, pause_reason=BY_OPERATOR))

    async def resume(self, endpoint_id: str) -> Endpoint | None:
        there = self.kept.get(endpoint_id)
        return there and self._keep(replace(there, paused_ms=None, pause_reason=None))

    async def log(
        self, endpoint_id: str, status: DeliveryStatus | None, after: tuple[int, str] | None, limit: int
    ) -> list[Delivery]:
        found = sorted(
            (one for one in self.told.values() if one.endpoint_id == endpoint_id),
            key=lambda one: (one.created_ms, one.id),
            reverse=True,
        )
        wanted = [one for one in found if status in (None, one.status)]
        older = [one for one in wanted if after is None or (one.created_ms, one.id) < after]
        return [replace(one, body=b"") for one in older[:limit]]

    async def delivery(self, endpoint_id: str, delivery_id: str) -> Delivery | None:
        found = self.told.get(delivery_id)
        return found if found is not None and found.endpoint_id == endpoint_id else None

    async def replay(self, endpoint_id: str, delivery_id: str) -> Delivery | None:
        found = await self.delivery(endpoint_id, delivery_id)
        if found is None or found.status is DeliveryStatus.PENDING:
            return None
        self.told[delivery_id] = replace(found, status=DeliveryStatus.PENDING, attempts=0, ended_ms=None)
        return self.told[delivery_id]

    async def replay_dead(self, endpoint_id: str) -> int:
        dead = await self.log(endpoint_id, DeliveryStatus.DEAD, None, len(self.told))
        return len([await self.replay(endpoint_id, one.id) for one in dead])

    def _keep(self, endpoint: Endpoint, key: Key | None = None) -> Endpoint:
        self.kept[endpoint.id] = endpoint
        if key is not None:
            self.recorded[key[0]] = (key[1], endpoint)
        return endpoint

    def _of_version(self, endpoint_id: str, if_version: int | None) -> Endpoint | Rejected:
        there = self.kept.get(endpoint_id)
        if there is None:
            return NO_ENDPOINT
        if if_version not in (None, there.version):
            return Rejected(Code.STALE, "Changed.", {"version": there.version})
        return there
