"""How much somebody may hold at a time: by the account that is signed in, and by the client's address, so
that who has many e-mails has no more than others.

Who is about to hold takes a place first. When all are taken, the reservations that have them are looked at:
what is confirmed, released or expired by now has made room. So a confirmation or a cancellation costs
nothing here, and a hold one call that goes with others. A retry with its Idempotency-Key has its place
already. A bound of 0 is none, and costs nothing at all; that of accounts costs guests nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from actors.gateway import Key
from domain.event_messages import ReservationReply
from domain.kinds import Reply
from domain.messages import Code, Rejected
from domain.restaurant_messages import TableReply
from server.callers import caller_of
from server.client_address import ClientAddress, counted_as
from server.problems import Problem

YOUNG_MS = 10_000
"""A reservation's row may still be on its way for so long."""


class HoldCounts(Protocol):
    """Reservation ids by the request that made them, of each key."""

    async def add(self, key: str, field: str, reservation_id: str, cap: int) -> Mapping[str, str]:
        """Nothing, if there was room for it, or the field was there; else what there is."""

    async def remove(self, key: str, fields: Sequence[str]) -> None: ...


class Rows(Protocol):
    """As much of `server.reads` as is needed here."""

    async def on_hold(self, reservation_ids: Sequence[str]) -> Mapping[str, bool]:
        """Of those that there are, whether each is held or being paid."""

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
        self._bounds = bounds
        self._given = counts
        self._rows = rows
        self._address = address
        self._of_all = counts is not None and bounds.per_address > 0
        self._of_accounts = counts is not None and bounds.per_account > 0

    @property
    def _counts(self) -> HoldCounts:
        assert self._given is not None, "asked only where it is on"
        return self._given

    def bound(self, request: web.BaseRequest) -> bool:
        """Whether there is a bound for this caller; where there is none nothing is counted."""
        return self._of_all or (self._of_accounts and caller_of(request).account_id is not None)

    async def take(self, request: web.BaseRequest, key: Key | None, reservation_id: str) -> None:
        """A place for a hold that is to be made under that id. Raises a problem where there is none."""
        field = _field(key, reservation_id)
        taken: list[str] = []
        for place, cap in self._places(request):
            if not await self._take(place, field, reservation_id, cap):
                for before in taken:
                    await self._counts.remove(before, [field])
                detail = f"At most {cap} holds at a time; confirm or cancel some first."
                raise Problem("limit_exceeded", detail, limit=cap, requested=cap + 1)
            taken.append(place)

    async def settle(
        self, request: web.BaseRequest, key: Key | None, reservation_id: str, answer: Reply | str
    ) -> None:
        """What came of it, or the id of what will: a refusal gives the place back, and a retry keeps what it
        made before."""
        field = _field(key, reservation_id)
        if isinstance(answer, Rejected):
            for place, _ in self._places(request) if answer.code is not Code.UNAVAILABLE else ():
                await self._counts.remove(place, [field])
            return
        if not isinstance(answer, str):
            assert isinstance(answer, ReservationReply | TableReply)
            answer = answer.reservation.id
        if answer != reservation_id:
            for place, cap in self._places(request):
                await self._counts.add(place, field, answer, cap)

    def _places(self, request: web.BaseRequest) -> list[tuple[str, int]]:
        """Where a hold of this caller counts."""
        caller, bounds = caller_of(request), self._bounds
        if caller.is_admin:
            return []
        places = []
        if bounds.per_account and caller.account_id is not None:
            places.append((f"account:{caller.account_id}", bounds.per_account))
        if bounds.per_address:
            places.append((f"address:{counted_as(self._address.of(request))}", bounds.per_address))
        return places

    async def _take(self, place: str, field: str, reservation_id: str, cap: int) -> bool:
        there = await self._counts.add(place, field, reservation_id, cap)
        if not there:
            return True
        rows = await self._rows.on_hold(list(there.values()))
        now_ms = self._rows.now_ms()
        over = [name for name, one in there.items() if not rows.get(one, _made_ms(one) + YOUNG_MS > now_ms)]
        if not over:
            return False
        await self._counts.remove(place, over)
        return not await self._counts.add(place, field, reservation_id, cap)


def _field(key: Key | None, reservation_id: str) -> str:
    return reservation_id if key is None else key.request_id.hex()


def _made_ms(reservation_id: str) -> int:
    """When the id was made: it is a UUIDv7."""
    return int(reservation_id[:8] + reservation_id[9:13], 16)
