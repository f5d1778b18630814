"""Submissions in memory beside a `DirectGateway`, and the real submitter, which works when it is told to.

A lease ends when a test says so: `work` ends all of them, as if their time were over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from actors.meter import Meter
from actors.submitter import Submitter
from domain.event_messages import Stage
from domain.messages import Code, Rejected
from domain.submission import Done, Final, Found, Standing, Submission, Taken
from persistence.submissions import NO_INVENTORY
from tests.server.direct_gateway import KEY_REUSED, DirectGateway, DirectReads

FULL = Rejected(Code.OVERLOADED, "Too much is pending.", {"retry_after_s": 1})


@dataclass
class Kept:
    """One submission."""

    new: Submission
    found: Found
    accepted_ms: int
    attempts: int = 0
    leased: bool = False


class DirectSubmissions:
    """What was accepted, in that order."""

    def __init__(self, gateway: DirectGateway, reads: DirectReads) -> None:
        self.pending_max = 100
        self._gateway = gateway
        self._kept: dict[str, Kept] = {}
        self._submitter = Submitter(self, gateway, reads.history, Meter())
        self.on_accepted: Callable[[], None] = lambda: None
        reads.pending = lambda: [one.new.id for one in self._pending()]

    async def work(self) -> None:
        """Put all that is pending to the gateway, once."""
        self.end_leases()
        await self._submitter.take()
        await self._submitter.settled()

    def end_leases(self) -> None:
        for one in self._kept.values():
            one.leased = False

    async def accept(self, new: Submission) -> str | Rejected:
        self._gateway._check()
        inventory = self._gateway.inventories.get(new.inventory_id)
        if inventory is None or inventory.kind != new.kind:
            return NO_INVENTORY
        for one in self._kept.values():
            if (one.new.request_id, one.new.inventory_id) == (new.request_id, new.inventory_id):
                return one.new.id if one.new.fingerprint == new.fingerprint else KEY_REUSED
        if new.command.guest and inventory.state.stage is Stage.DRAFT:
            return NO_INVENTORY
        if len(self._pending()) >= self.pending_max:
            return FULL
        found = Found(new.id, new.inventory_id, Standing.PENDING, customer=new.command.customer)
        self._kept[new.id] = Kept(new, found, self._gateway.now_ms)
        self.on_accepted()
        return new.id

    async def find(self, submission_id: str) -> Found | None:
        self._gateway._check()
        kept = self._kept.get(submission_id)
        return None if kept is None else kept.found

    async def take(self, limit: int, lease_ms: int) -> list[Taken]:
        taken = []
        for one in [one for one in self._pending() if not one.leased][:limit]:
            one.attempts, one.leased = one.attempts + 1, True
            new, age_ms = one.new, self._gateway.now_ms - one.accepted_ms
            named = (new.id, new.inventory_id, new.command, new.request_id, new.fingerprint)
            taken.append(Taken(*named, one.attempts, age_ms))
        return taken

    async def settle(self, answers: Sequence[tuple[str, Done | Final]]) -> set[str]:
        return {id_ for id_, answer in answers if self._settled(self._kept[id_], answer)}

    async def postpone(self, pauses_ms: Sequence[tuple[str, int]]) -> None:
        for id_, _ in pauses_ms:
            self._kept[id_].leased = False

    def _settled(self, one: Kept, answer: Done | Final) -> bool:
        if isinstance(answer, Done):
            one.found = replace(one.found, standing=Standing.DONE, reservation_id=answer.reservation_id)
            return True
        if answer.recorded:
            said = (one.new.fingerprint, answer.rejection)
            if self._gateway.recorded.setdefault(one.new.request_id, said) is not said:
                return False
        one.found = replace(one.found, standing=Standing.REJECTED, rejection=answer.rejection)
        return True

    def _pending(self) -> list[Kept]:
        return [one for one in self._kept.values() if one.found.standing is Standing.PENDING]
