"""What an actor's process is told when it is made: plain values, for it reads no environment."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.gateway import GatewayLimits
from actors.mail.config import MailConfig
from actors.news.config import FollowerLimits
from actors.owner import OwnerLimits
from actors.stripe_payments import StripeConfig
from actors.webhooks.config import WebhookConfig


@dataclass(frozen=True)
class Deployment:
    """One Turnstile: one database, one namespace of actors."""

    database_url: str
    redis_url: str
    ray_address: str
    namespace: str
    version: tuple[int, ...]
    """Of the code."""
    begun_ms: int = field(default=0, compare=False)
    """Store time at which the front end that brings it was started."""
    timers: int = 2
    payment_actors: int = 1
    clock_skew_max_ms: int = 500
    availability_publish_ms: int = 100
    news_actors: int = 1
    following: FollowerLimits = field(default_factory=FollowerLimits)
    mail: MailConfig = field(default_factory=MailConfig)
    webhooks: WebhookConfig = field(default_factory=WebhookConfig)
    stripe: StripeConfig | None = None
    owner: OwnerLimits = field(default_factory=OwnerLimits)
    gateway: GatewayLimits = field(default_factory=GatewayLimits)

    def replaces(self, other: Deployment) -> bool:
        """Whether what was made for `other` must make room: newer code, or as new and started later."""
        return self != other and (self.version, self.begun_ms) > (other.version, other.begun_ms)
