"""The news actor: follows a part of the journal, and sends whatever is due, mails and webhooks.

There may be several: each follows its own part, and all of them send, mails each over one connection of its
own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from pathlib import Path

from actors.config import Deployment
from actors.meter import Meter
from actors.processes import Actor, Host, until_done
from domain.endpoints import KEY_NAME as WEBHOOK_SECRETS_KEY
from persistence.clock import StoreClock
from persistence.delivery_queue import PostgresDeliveryQueue
from persistence.mail_queue import PostgresMailQueue
from persistence.news import PostgresNews
from persistence.store import StoreError

log = logging.getLogger(__name__)
GIVES_WAY = 10
"""To be nice by: nobody waits for a mail as somebody waits for a sale."""
SHOW_EVERY_S = 5.0
RESERVATION_SECRET = "reservation_token"  # noqa: S105 - the name of one
TICKET_SECRET = "ticket_key"  # noqa: S105 - the name of one


class NewsActor(Actor):
    """A Follower, a Sender, a Courier, and their stores."""

    def __init__(self, part: int, deployment: Deployment, host: Host) -> None:
        super().__init__(news_name(part), deployment, host)
        self._part = part
        self._meter = Meter()
        with contextlib.suppress(OSError):
            os.nice(GIVES_WAY)
        self._keep(self._run(), host.keep_shown(self._meter, {"owner": self._name}))

    async def _run(self) -> None:
        # Here, because every actor's process imports this module, and templates and HTTP take a while.
        from actors.news.follower import Follower

        deployment = self._deployment
        queue, news = PostgresMailQueue(deployment.database_url), PostgresNews(deployment.database_url)
        clock = StoreClock(queue.now_ms, deployment.clock_skew_max_ms)
        await until_done(clock.start)
        follower = Follower(self._part, deployment.news_actors, news, self._meter, deployment.following)
        await asyncio.gather(
            follower.run(), self._send_mails(queue, clock), self._send_webhooks(queue, clock)
        )

    async def _send_mails(self, queue: PostgresMailQueue, clock: StoreClock) -> None:
        from actors.mail.letters import Letters, Stationery
        from actors.mail.post import post_of
        from actors.mail.sender import Sender

        mail = self._deployment.mail
        secret = await until_done(lambda: queue.secret(RESERVATION_SECRET))
        ticket_secret = await until_done(lambda: queue.secret(TICKET_SECRET))
        letters = Letters(Stationery(mail.sender, mail.public_url, secret, ticket_secret))
        post = post_of(mail.smtp_url, letters.sender, Path(mail.folder), mail.folder_max_letters)
        sender = Sender(queue, letters, post, clock.now_ms, self._meter, mail.sending)
        await asyncio.gather(sender.run(), self._show_mails(queue))

    async def _send_webhooks(self, mails: PostgresMailQueue, clock: StoreClock) -> None:
        from actors.webhooks.courier import Courier
        from actors.webhooks.reach import Reach

        webhooks, limits = self._deployment.webhooks, self._deployment.webhooks.limits
        queue = PostgresDeliveryQueue(self._deployment.database_url)
        key = await until_done(lambda: mails.secret(WEBHOOK_SECRETS_KEY))
        reach = Reach(webhooks.local, limits.answer_timeout_s, limits.answer_max_bytes)
        courier = Courier(queue, reach, key, clock.now_ms, self._meter, limits)
        await asyncio.gather(courier.run(), self._show_webhooks(queue))

    async def _show_mails(self, queue: PostgresMailQueue) -> None:
        """One of them shows how much waits."""
        while self._part == 0:
            try:
                due, dead, oldest_ms = await queue.waiting()
                self._meter.show("mails_due", due)
                self._meter.show("mails_dead", dead)
                self._meter.show("mails_oldest_due_ms", oldest_ms)
            except StoreError as error:
                log.warning("waiting mails cannot be counted", extra={"error": repr(error)})
            await asyncio.sleep(SHOW_EVERY_S)

    async def _show_webhooks(self, queue: PostgresDeliveryQueue) -> None:
        while self._part == 0:
            try:
                due, dead, oldest_ms, paused = await queue.waiting()
                self._meter.show("webhooks_due", due)
                self._meter.show("webhooks_dead", dead)
                self._meter.show("webhooks_oldest_pending_ms", oldest_ms)
                self._meter.show("webhook_endpoints_paused", paused)
            except StoreError as error:
                log.warning("waiting webhooks cannot be counted", extra={"error": repr(error)})
            await asyncio.sleep(SHOW_EVERY_S)


def news_name(part: int) -> str:
    return f"news:{part}"
