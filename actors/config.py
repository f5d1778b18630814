"""What an actor's process is told when it is made: plain values, for it reads no environment."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.gateway import GatewayLimits
from actors.owner import OwnerLimits


@dataclass(frozen=True)
class Deployment:
    """One Turnstile: one database, one namespace of actors."""

    database_url: str
    redis_url: str
    ray_address: str
    namespace: str
    version: tuple[int, ...]
    """Of the code. Owners of an older one leave when a newer one says hello."""
    timers: int = 2
    clock_skew_max_ms: int = 500
    availability_publish_ms: int = 100
    owner: OwnerLimits = field(default_factory=OwnerLimits)
    gateway: GatewayLimits = field(default_factory=GatewayLimits)
