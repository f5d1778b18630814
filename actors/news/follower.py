"""The follower: reads the journal as an outbox and writes what tells of it: a mail for whatever deserves
one, a delivery for each endpoint that wants it.

It remembers nothing that matters: how far it has read is a position in PostgreSQL, which moves in the same
statement that writes the mails and the deliveries, and the id of each is made of the fact it tells of. So it
may die anywhere, and two of them may follow the same part: each fact is told of once.

Endpoints are read after what is unread: whoever was registered before a fact is there when the fact is.

It stays out of the sale's way. It rests twenty times as long as a look that found little has taken, and half
of the time even when there is much to do, and once it has read all there was it lets more gather; nobody
waits for it. Of the last two looks the quicker one counts: the other may have waited, for a connection or for
a module that was being imported, and the first one of all does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, assert_never

import msgspec

from actors.meter import Meter
from actors.news.config import FollowerLimits
from actors.webhooks.bodies import Place, about, body_of, kind_of
from domain.endpoints import Endpoint
from domain.mail import Json, MailKind
from domain.news import REMIND_BEFORE_MS, Known, News, told
from persistence.mails import id_of
from persistence.news import PAGE_MAX_RESERVATIONS, Read, RowToDeliver, RowToSend, Unread
from persistence.rows import FIRST_ID
from persistence.store import StoreError

log = logging.getLogger(__name__)
AT_ONCE_MS = 0


class NewsStore(Protocol):
    """See `persistence.news`."""

    async def unread(self, part: int, parts: int, inventories_max: int, appends_max: int) -> list[Unread]: ...
    async def endpoints(self) -> list[Endpoint]: ...
    async def write(self, read: Sequence[Read]) -> set[str]: ...
    async def spread(self, mails: Sequence[RowToSend]) -> None: ...
    async def concerned(self, inventory_id: str, after: str, made_until_ms: int) -> list[str]: ...
    async def passed_on(
        self, inventory_id: str, reservation_ids: Sequence[str]
    ) -> dict[str, list[tuple[int, int]]]: ...
    async def starts_ms(self, reservation_ids: Sequence[str]) -> dict[str, int]: ...


class Found(IntEnum):
    """What a look came upon: nothing, all that there was, or so much that more is left."""

    NOTHING = 0
    ALL = 1
    MORE = 2


@dataclass(frozen=True)
class _Told:
    """A piece of news, and the place of its fact: what its mails' ids are made of."""

    news: News
    place: tuple[object, ...]


class Follower:
    """Of part number `part` of `parts`."""

    def __init__(
        self, part: int, parts: int, store: NewsStore, meter: Meter, limits: FollowerLimits | None = None
    ) -> None:
        self._part = part
        self._parts = parts
        self._store = store
        self._meter = meter
        self._limits = limits or FollowerLimits()

    async def run(self) -> None:
        """For ever; a store that does not answer is asked again a moment later."""
        before_s = 0.0
        while True:
            begun_s = time.perf_counter()
            found = Found.NOTHING
            try:
                found = await self.step()
            except StoreError as error:
                log.warning("the journal cannot be followed", extra={"error": repr(error)})
            except Exception:
                log.exception("following the journal failed")
            took_s = time.perf_counter() - begun_s
            await asyncio.sleep(self._rest_s(found, min(took_s, before_s)))
            before_s = took_s

    def _rest_s(self, found: Found, took_s: float) -> float:
        limits = self._limits
        match found:
            case Found.NOTHING:
                return max(limits.poll_s, took_s * limits.rest_of_look)
            case Found.ALL:
                return max(limits.gather_s, took_s * limits.rest_of_work)
            case Found.MORE:
                return took_s * limits.rest_of_work
            case _:
                assert_never(found)

    async def step(self) -> Found:
        """Read some of what is new."""
        limits = self._limits
        unread = await self._store.unread(self._part, self._parts, limits.inventories_max, limits.appends_max)
        if unread:
            endpoints = await self._store.endpoints()
            read = [await self._read(one, endpoints) for one in unread]
            written = await self._store.write(read)
            self._meter.count("news_appends_read", sum(len(one.appends) for one in unread))
            told = [one for one in read if one.inventory_id in written]
            self._meter.count("mails_written", sum(len(one.mails) for one in told))
            self._meter.count("deliveries_written", sum(len(one.deliveries) for one in told))
        return _found(unread, limits)

    async def _read(self, unread: Unread, endpoints: Sequence[Endpoint]) -> Read:
        known, found = _fold(unread)
        await asyncio.sleep(0)
        deliveries = _deliveries(unread, known, endpoints) if endpoints else []
        last = unread.appends[-1]
        unsaid = [
            one.news.reservation_id
            for one in found
            if one.news.kind is MailKind.REMINDER and one.news.starts_at_ms is None
        ]
        starts_ms = await self._store.starts_ms([one for one in unsaid if one is not None])
        mails: list[RowToSend] = []
        for one in found:
            if one.news.reservation_id is None:
                await self._spread(unread.inventory_id, one)
            else:
                mails += _rows(unread.inventory_id, one, one.news.reservation_id, starts_ms)
        mails += await self._to_holders(unread.inventory_id, found)
        return Read(unread.inventory_id, unread.seq, last.seq, last.at_ms, known, mails, deliveries)

    async def _spread(self, inventory_id: str, one: _Told) -> None:
        """To all whom it concerns, a page at a time."""
        after = FIRST_ID
        while page := await self._store.concerned(inventory_id, after, one.news.at_ms):
            rows = [row for id_ in page for row in _rows(inventory_id, one, id_, {})]
            rows += await self._to_holders(inventory_id, [one], page)
            await self._store.spread(rows)
            self._meter.count("mails_written", len(rows))
            if len(page) < PAGE_MAX_RESERVATIONS:
                return
            after = page[-1]

    async def _to_holders(
        self, inventory_id: str, found: Sequence[_Told], page: Sequence[str] = ()
    ) -> list[RowToSend]:
        """What is told to those whom tickets were passed on to: of one reservation, or of all of the page."""
        told = [
            (one, id_)
            for one in found
            if one.news.is_told_to_holders
            for id_ in ([one.news.reservation_id] if one.news.reservation_id else page)
        ]
        tickets = await self._store.passed_on(inventory_id, [id_ for _, id_ in told]) if told else {}
        return [
            row
            for one, id_ in told
            for number, generation in tickets.get(id_, ())
            for row in _to_holder(inventory_id, one, id_, {"number": number, "generation": generation})
        ]


def _found(unread: Sequence[Unread], limits: FollowerLimits) -> Found:
    if not unread:
        return Found.NOTHING
    left = len(unread) == limits.inventories_max or any(one.appends[-1].seq < one.until for one in unread)
    return Found.MORE if left else Found.ALL


def _fold(unread: Unread) -> tuple[Known, list[_Told]]:
    known, found = unread.known, []
    for append in unread.appends:
        for position, fact in enumerate(append.facts):
            known, news = told(known, fact)
            place = (unread.inventory_id, append.seq, position)
            found += [_Told(one, place) for one in news]
    return known, found


def _deliveries(unread: Unread, known: Known, endpoints: Sequence[Endpoint]) -> list[RowToDeliver]:
    """In the order of the facts. An event or restaurant has the same organiser for ever."""
    rows = []
    for append in unread.appends:
        for position, fact in enumerate(append.facts):
            kind = kind_of(fact)
            wanting = [one for one in endpoints if one.wants(kind, unread.inventory_id, known.organiser_id)]
            if not wanting:
                continue
            body = body_of(fact, Place(unread.inventory_id, unread.kind, append.seq, position)).decode()
            for one in wanting:
                id_ = id_of("delivery", one.id, unread.inventory_id, append.seq, position)
                rows.append(
                    RowToDeliver(
                        id_,
                        one.id,
                        unread.inventory_id,
                        about(fact, unread.inventory_id),
                        append.seq,
                        position,
                        kind.value,
                        body,
                    )
                )
    return rows


def _rows(
    inventory_id: str, one: _Told, reservation_id: str, starts_ms: dict[str, int]
) -> tuple[RowToSend, ...]:
    """The mail to one reservation's customer, or of a ticket of it to whom that was passed on to."""
    news = one.news
    if news.kind is MailKind.REMINDER:
        starts_at_ms = news.starts_at_ms or starts_ms.get(reservation_id)
        return _reminder(inventory_id, news, reservation_id, starts_at_ms, news.parameters)
    mail_id = id_of(*one.place, news.kind.value, reservation_id)
    return (_row(mail_id, inventory_id, reservation_id, news, AT_ONCE_MS, dict(news.parameters)),)


def _to_holder(
    inventory_id: str, one: _Told, reservation_id: str, ticket: dict[str, Json]
) -> tuple[RowToSend, ...]:
    """Not if the ticket is another's by the time it is sent."""
    news = one.news
    if news.kind is MailKind.REMINDER:
        return _reminder(inventory_id, news, reservation_id, news.starts_at_ms, ticket)
    mail_id = id_of(*one.place, news.kind.value, reservation_id, ticket["number"])
    parameters = {**news.parameters, **ticket}
    return (_row(mail_id, inventory_id, reservation_id, news, AT_ONCE_MS, parameters),)


def _reminder(
    inventory_id: str, news: News, reservation_id: str, starts_at_ms: int | None, ticket: Mapping[str, Json]
) -> tuple[RowToSend, ...]:
    """Only if its hour is still to come. `ticket`: its number and generation; empty of the customer's own."""
    if starts_at_ms is None or starts_at_ms - REMIND_BEFORE_MS <= news.at_ms:
        return ()
    mail_id = id_of("reminder", reservation_id, starts_at_ms, *ticket.values())
    due_ms, parameters = starts_at_ms - REMIND_BEFORE_MS, {"starts_at_ms": starts_at_ms, **ticket}
    return (_row(mail_id, inventory_id, reservation_id, news, due_ms, parameters),)


def _row(
    mail_id: str, inventory_id: str, reservation_id: str, news: News, due_ms: int, parameters: object
) -> RowToSend:
    written = msgspec.json.encode(parameters).decode()
    return RowToSend(mail_id, news.kind.value, inventory_id, reservation_id, written, due_ms)
