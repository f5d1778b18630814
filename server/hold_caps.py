"""How much somebody may hold at a time: by the account that is signed in, and by the client's address, so
that who has many e-mails has no more than others.

Who is about to hold takes a place first, mostly at once (`persistence.hold_counts`). When all are taken, the
reservations that have them are looked at: what is confirmed, released or expired by now has made room. So a
confirmation or a cancellation costs nothing here, and a hold its part of a call that goes with others. A
retry with its Idempotency-Key has its place already, or, where that was given up since, needs none. A bound
of 0 is none, and costs nothing at all; that of accounts costs guests nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from actors.gateway import Key
from domain.event_messages import ReservationReply
from domain.kinds import Reply
from domain.messages import Code, Rejected
from domain.restaurant_messages import TableReply
from server.callers import Caller
from server.client_address import ClientAddress, counted_as
from server.problems import Problem

YOUNG_MS = 10_000
"""A reservation's row may still be on its way for so long."""


Places = tuple[tuple[str, int], ...]
"""Keys under which a hold counts, and how many may at a time under each."""


class HoldCounts(Protocol):
    """Reservation ids by the request that made them, of each key."""

    def at_once(self, key: str, field: str, reservation_id: str, cap: int) -> bool:
        """Whether it has its place without anybody being asked."""

    def add(self, key: str, field: str, reservation_id: str, cap: int) -> Awaitable[Mapping[str, str]]:
        """Nothing, if there was room for it, or the field was there; else what there is."""

    def remove(self, key: str, fields: Sequence[str]) -> None:
        """They have no place, or need none any more; what is asked afterwards finds them gone."""


class Rows(Protocol):
    """As much of `server.reads` as is needed here."""

    async def on_hold(self, reservation_ids: Sequence[str]) -> Mapping[str, bool]:
        """Of those that there are, whether each is held or being paid, or is still to be made."""

    async def is_known(self, inventory_id: str, request_id: bytes) -> bool:
        """Whether a request was answered before, or is accepted."""

    def now_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class HoldBounds:
    """How many holds at a time; 0: no bound."""

    per_account: int = 0
    per_address: int = 0


class HoldCaps:
    """See the module. An operator is not bounded."""

    def __init__(
        self, bounds: HoldBounds, counts: HoldCounts | None, rows: Rows, address: ClientAddress
    ) -> None:
        """`counts`: without them nothing is bounded."""
        self._given = counts
        self._rows = rows
        self._address = address
        self._per_account = bounds.per_account if counts is not None else 0
        self._per_address = bounds.per_address if counts is not None else 0

    @property
    def _counts(self) -> HoldCounts:
        assert self._given is not None, "asked only where it is on"
        return self._given

    def places(self, request: web.BaseRequest, caller: Caller) -> Places:
        """Where a hold of this caller counts; nowhere: there is no bound, and nothing is counted."""
        account = self._per_account if caller.account_id is not None else 0
        if not (account or self._per_address) or caller.is_admin:
            return ()
        of_account = ((caller.scope, account),) if account else ()
        if not self._per_address:
            return of_account
        return *of_account, (f"address:{counted_as(self._address.of(request))}", self._per_address)

    async def take(self, places: Places, key: Key | None, inventory_id: str, reservation_id: str) -> None:
        """A place for a hold that is to be made under that id. Raises a problem where there is none, but for
        a retry of what was answered before."""
        field = _field(key, reservation_id)
        for at, (place, cap) in enumerate(places):
            if self._counts.at_once(place, field, reservation_id, cap):
                continue
            there = await self._counts.add(place, field, reservation_id, cap)
            if there and not await self._made_room(there, place, field, reservation_id, cap):
                for before, _ in places[:at]:
                    self._counts.remove(before, [field])
                if key is not None and await self._rows.is_known(inventory_id, key.request_id):
                    return
                detail = f"At most {cap} holds at a time; confirm or cancel some first."
                raise Problem("limit_exceeded", detail, limit=cap, requested=cap + 1)

    async def settle(self, places: Places, key: Key | None, reservation_id: str, answer: Reply | str) -> None:
        """What came of it, or the id of what will: a refusal gives the place back, and a retry keeps what it
        made before."""
        if isinstance(answer, Rejected):
            for place, _ in places if answer.code is not Code.UNAVAILABLE else ():
                self._counts.remove(place, [_field(key, reservation_id)])
            return
        if not isinstance(answer, str):
            assert isinstance(answer, ReservationReply | TableReply)
            answer = answer.reservation.id
        if answer != reservation_id:
            for place, cap in places:
                await self._counts.add(place, _field(key, reservation_id), answer, cap)

    async def _made_room(
        self, there: Mapping[str, str], place: str, field: str, reservation_id: str, cap: int
    ) -> bool:
        """Whether it has its place now that those that are over have given up theirs."""
        rows = await self._rows.on_hold(list(there.values()))
        now_ms = self._rows.now_ms()
        over = [name for name, one in there.items() if not rows.get(one, _made_ms(one) + YOUNG_MS > now_ms)]
        if not over:
            return False
        self._counts.remove(place, over)
        return not await self._counts.add(place, field, reservation_id, cap)


def _field(key: Key | None, reservation_id: str) -> str:
    """A key with another body is another request: its refusal gives back no place but its own."""
    return reservation_id if key is None else (key.request_id + key.fingerprint).hex()


def _made_ms(reservation_id: str) -> int:
    """When the id was made: it is a UUIDv7."""
    return int(reservation_id[:8] + reservation_id[9:13], 16)
