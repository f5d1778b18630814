"""What the courier of webhooks is told."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class CourierLimits:
    """`answer_timeout_s`: from the first attempt to connect to the end of the answer. `lease_ms` is longer
    than that and the mark after it. Of one endpoint `under_way_max` are under way at a time, of different
    reservations. An endpoint is paused after `pause_after_failures` in a row, over `pause_after_ms` at least.
    """

    poll_s: float = 1.0
    rest_of_look: float = 5.0
    under_way_max: int = 8
    lease_ms: int = 60_000
    answer_timeout_s: float = 10.0
    answer_max_bytes: int = 16_384
    attempts_max: int = 15
    retry_first_ms: int = 10_000
    retry_max_ms: int = 4 * 3_600_000
    pause_after_failures: int = 50
    pause_after_ms: int = 3_600_000


@dataclass(frozen=True)
class WebhookConfig:
    """`local`: this machine may be told too, by http; for tests and development."""

    local: bool = False
    limits: CourierLimits = field(default_factory=CourierLimits)
