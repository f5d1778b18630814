"""`python -m tests.mail.actor URL SMTP_URL`: the news actor in a process of its own, to be killed.

The same plain class of which `actors.ray_runtime` makes an actor, with short leases and pauses.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import Any

from actors.config import Deployment
from actors.mail.config import MailConfig, SenderLimits
from actors.meter import Meter
from actors.news import process
from actors.news.config import FollowerLimits
from actors.news.process import NewsActor
from actors.webhooks.config import CourierLimits, WebhookConfig

LEASE_MS = 3_000
SENDING = SenderLimits(
    take_max_mails=20,
    lease_ms=LEASE_MS,
    mail_max_s=1.5,
    poll_s=0.05,
    pause_first_ms=100,
    pause_max_ms=400,
    closed_pause_first_s=0.1,
)
TELLING = CourierLimits(
    poll_s=0.05,
    lease_ms=LEASE_MS,
    answer_timeout_s=1.0,
    attempts_max=1_000,
    retry_first_ms=50,
    retry_max_ms=200,
    pause_after_failures=1_000_000,
)
FOLLOWING = FollowerLimits(
    poll_s=0.05, inventories_max=5, appends_max=2, gather_s=0.01, rest_of_look=1.0, rest_of_work=0.1
)


class Alone:
    """The part of a `Host` that a news actor needs."""

    def keep_shown(self, meter: Meter, tags: dict[str, str]) -> Awaitable[None]:
        return asyncio.sleep(0)

    def end(self) -> None:
        sys.exit()


async def run(database_url: str, smtp_url: str) -> None:
    mail = MailConfig(smtp_url=smtp_url, sender="box@example.org", sending=SENDING)
    webhooks = WebhookConfig(local=True, limits=TELLING)
    deployment = Deployment(database_url, "", "", "", (0,), following=FOLLOWING, mail=mail, webhooks=webhooks)
    host: Any = Alone()
    process.GIVES_WAY = 0  # nobody sells beside it, and whoever waits for it has other tests beside him
    actor = NewsActor(0, deployment, host)
    print(actor, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:3]))
