"""The sender: takes mails that are due, writes them as letters and hands them to the post, one at a time.

At least once. A mail is marked as soon as the post has answered for it and before the next one is begun, so a
sender that is killed leaves at most one that will be sent again, with the same Message-ID. Otherwise one is
sent twice only where the answer was lost on the way, or where PostgreSQL was gone until the lease had ended.

What it has taken is its own for the time of a lease; nothing is begun that might not be done by then.

A mail that fails is tried again after growing pauses, and after `attempts_max` it is dead, until the operator
replays it. What the post refuses for good is dead at once. That the post is closed is no mail's fault: all
that was taken is given back untried.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from actors.mail.config import SenderLimits
from actors.mail.letters import Letters
from actors.mail.post import NotNow, Post, PostClosed, Undeliverable
from actors.meter import Meter
from domain.mail import MailKind
from domain.mail_details import Details, TicketHolder
from persistence.mail_queue import TakenMail
from persistence.store import StoreError

log = logging.getLogger(__name__)
_KEPT = frozenset({"confirmed", "seated", "checked_in"})
"""A reservation that its customer is still expected for."""


class MailQueue(Protocol):
    """See `persistence.mail_queue`."""

    async def take(self, limit: int, lease_ms: int) -> list[TakenMail]: ...
    async def details(self, reservation_ids: Sequence[str]) -> dict[str, Details]: ...
    async def holders(
        self, tickets: Sequence[tuple[str, str, int]]
    ) -> dict[tuple[str, int], TicketHolder]: ...
    async def sent(self, mail_id: str) -> None: ...
    async def void(self, mail_id: str) -> None: ...
    async def failed(self, mail: TakenMail, pause_ms: int, error: str) -> None: ...
    async def dead(self, mail: TakenMail, error: str) -> None: ...
    async def give_back(self, mail_ids: Sequence[str], pause_ms: int) -> None: ...


class Sender:
    """See the module."""

    def __init__(
        self,
        queue: MailQueue,
        letters: Letters,
        post: Post,
        now_ms: Callable[[], int],
        meter: Meter,
        limits: SenderLimits | None = None,
    ) -> None:
        self._queue = queue
        self._letters = letters
        self._post = post
        self._now_ms = now_ms
        self._meter = meter
        self._limits = limits or SenderLimits()
        self._closed_pause_s = 0.0

    async def run(self) -> None:
        """For ever; a store that does not answer is asked again a moment later."""
        limits = self._limits
        while True:
            taken = 0
            try:
                taken = await self.step()
                self._closed_pause_s = 0.0
            except PostClosed as closed:
                self._meter.count("mail_post_closed")
                grown = max(limits.closed_pause_first_s, 2 * self._closed_pause_s)
                self._closed_pause_s = min(grown, limits.closed_pause_max_s)
                log.warning("mail cannot be sent", extra={"error": str(closed)})
                await asyncio.sleep(self._closed_pause_s)
            except StoreError as error:
                log.warning("mails cannot be taken", extra={"error": repr(error)})
            except Exception:
                log.exception("sending mails failed")
            if taken < limits.take_max_mails:
                await asyncio.sleep(limits.poll_s)

    async def step(self) -> int:
        """Send some of what is due; how many were taken. Raises PostClosed, and has then given back the
        rest."""
        limits = self._limits
        until_s = time.monotonic() + limits.lease_ms / 1000 - limits.mail_max_s
        taken = await self._queue.take(limits.take_max_mails, limits.lease_ms)
        about = await self._queue.details(_reservations_of(taken)) if taken else {}
        holders = await self._queue.holders(_tickets_of(taken))
        for at, mail in enumerate(taken):
            if time.monotonic() > until_s:
                await self._queue.give_back([one.id for one in taken[at:]], 0)
                break
            try:
                await self._one(mail, _for_holder(mail, about, holders))
            except PostClosed:
                await self._queue.give_back([one.id for one in taken[at:]], int(limits.poll_s * 1000))
                raise
        return len(taken)

    async def _one(self, mail: TakenMail, about: Mapping[str, Details]) -> None:
        details = about.get(mail.reservation_id) if mail.reservation_id else None
        kind = mail.kind
        if kind is None:
            await self._failed(mail, "of a kind that this version does not know")
            return
        if _is_moot(mail, kind, details, self._now_ms()):
            await self._queue.void(mail.id)
            self._count(mail, "void")
            return
        try:
            letter = self._letters.write(mail, kind, about)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next mail may be sound
            # Without its text, which may repeat an address.
            log.error("a mail cannot be written", extra={"mail": mail.id, "error": type(error).__name__})
            await self._failed(mail, f"cannot be written: {type(error).__name__}")
            return
        try:
            await self._post.deliver(letter)
        except Undeliverable as refused:
            await self._queue.dead(mail, _unnamed(refused, letter.recipient))
            self._count(mail, "dead")
        except NotNow as refused:
            await self._failed(mail, _unnamed(refused, letter.recipient))
        else:
            await self._mark(mail)

    async def _mark(self, mail: TakenMail) -> None:
        """As sent. It is: so that it is not sent again, this is tried as long as the lease lasts."""
        self._count(mail, "sent")
        self._meter.observe("mail_waited_ms", self._now_ms() - mail.created_ms)
        until_s = time.monotonic() + self._limits.mail_max_s / 2
        while True:
            try:
                await self._queue.sent(mail.id)
            except StoreError:
                if time.monotonic() > until_s:
                    raise
                await asyncio.sleep(self._limits.poll_s)
            else:
                return

    async def _failed(self, mail: TakenMail, error: str) -> None:
        limits = self._limits
        if mail.attempts >= limits.attempts_max:
            await self._queue.dead(mail, error)
            self._count(mail, "dead")
            return
        pause_ms = min(limits.pause_first_ms * 2 ** (mail.attempts - 1), limits.pause_max_ms)
        await self._queue.failed(mail, pause_ms, error)
        self._count(mail, "put_off")

    def _count(self, mail: TakenMail, outcome: str) -> None:
        kind = mail.kind.value if mail.kind else "unknown"
        self._meter.count("mails", labels=(("kind", kind), ("outcome", outcome)))


def _unnamed(refused: Exception, recipient: str) -> str:
    """What was said to it without the address, which servers repeat: it outlasts whose it is."""
    return re.sub(re.escape(recipient), "...", str(refused), flags=re.IGNORECASE)


def _reservations_of(mails: Sequence[TakenMail]) -> list[str]:
    named = {mail.reservation_id for mail in mails if mail.reservation_id}
    for mail in mails:
        ids = mail.parameters.get("reservation_ids")
        named |= {str(one) for one in ids} if isinstance(ids, list) else set()
    return sorted(named)


def _tickets_of(mails: Sequence[TakenMail]) -> list[tuple[str, str, int]]:
    """Of which the holders are to be written to."""
    return [
        (mail.inventory_id, mail.reservation_id, int(str(mail.parameters["number"])))
        for mail in mails
        if _is_holders(mail) and mail.inventory_id and mail.reservation_id
    ]


def _is_holders(mail: TakenMail) -> bool:
    """Does it go to whom a ticket was passed on to?"""
    return "number" in mail.parameters and mail.kind is not MailKind.TICKET_PASSED_ON


def _for_holder(
    mail: TakenMail, about: Mapping[str, Details], holders: Mapping[tuple[str, int], TicketHolder]
) -> Mapping[str, Details]:
    """A transferred ticket's mail goes to whom it was passed on to, unless it is another's by now."""
    details = about.get(mail.reservation_id or "")
    if not _is_holders(mail) or details is None:
        return about
    holder = holders.get((details.reservation_id, int(str(mail.parameters["number"]))))
    if holder is None or holder.generation != mail.parameters["generation"]:
        holder = TicketHolder(0)
    theirs = replace(
        details,
        customer=holder.customer,
        email=holder.email,
        customer_name=holder.name,
        language=holder.language or details.language,
        wants_reminders=holder.wants_reminders,
    )
    return {**about, details.reservation_id: theirs}


def _is_moot(mail: TakenMail, kind: MailKind, details: Details | None, now_ms: int) -> bool:
    """Whether there is nothing left to tell, or nobody to tell it to."""
    if mail.until_ms is not None and now_ms >= mail.until_ms:
        return True
    if mail.reservation_id is None:
        return mail.recipient is None
    if details is None or (mail.recipient is None and details.email is None):
        return True
    match kind:
        case MailKind.CONFIRMED:
            return details.status in ("released", "cancelled")
        case MailKind.MOVED | MailKind.EVENT_CHANGED:
            return details.status not in _KEPT and details.status not in ("held", "paying")
        case MailKind.REMINDER:
            return (
                details.status not in _KEPT
                or details.what_cancelled
                or not details.wants_reminders
                or details.starts_at_ms != mail.parameters["starts_at_ms"]
                or now_ms >= details.starts_at_ms
            )
        case _:
            return False
