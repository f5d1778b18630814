"""What owners, timers and front ends ask of storage, whoever keeps it.

Two implementations pass one contract suite: PostgreSQL (`persistence.postgres`) and memory
(`persistence.memory`, for simulation and unit tests). The promises:

- `append` is all or nothing per call, except that an inventory whose fence is lost drops out and its
  mates commit. What it returns is durable.
- The fence is (id, epoch, seq): an append of an older epoch or another sequence never commits, however
  late it arrives. `claim` waits for an append that is under way, and ends every later one.
- `OutcomeUnknown` may mean committed or not; `Refused` means certainly not, and that the statement itself
  was at fault. Trouble of the server's own (shutdown, disk, deadlock) is `OutcomeUnknown` too.

Ids are UUID strings, times whole milliseconds of store time, request ids 16 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from domain.event_messages import TypeCounts
from domain.event_seats import SeatMove
from domain.event_tickets import TicketMove
from domain.kinds import AnyReservation, Definition
from domain.seat_plan import Layout
from domain.ticket_messages import Ticket


class StoreError(Exception):
    """The store could not do it."""


class OutcomeUnknown(StoreError):
    """The connection or the time ran out before the store answered: perhaps it did it."""


class Unreachable(OutcomeUnknown):
    """There was no connection to ask with: certainly not done, and nothing said about what was asked."""


class Overloaded(StoreError):
    """Too much waits already: nothing was asked, and nothing will be."""


class Refused(StoreError):
    """The store answered no, and nothing of it was done. Names the constraint, where one spoke."""

    def __init__(self, detail: str, constraint: str | None = None) -> None:
        super().__init__(f"{detail} ({constraint})" if constraint else detail)
        self.constraint = constraint


class Request(msgspec.Struct, frozen=True, gc=False):
    """What a request id has done: the reply to give again, up to `expires_ms` at least.

    `fingerprint` is the digest of the client's body, empty for the gateway's own ids.
    """

    request_id: bytes
    fingerprint: bytes
    reply: bytes
    expires_ms: int


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A reservation with its contact (JSON of name and e-mail), as a row holds them."""

    reservation: AnyReservation
    contact: bytes


class StoredTicket(msgspec.Struct, frozen=True, gc=False):
    """A ticket of which something has happened, as a row holds it. `contact`: of whom it was passed on to."""

    reservation_id: str
    number: int
    ticket: Ticket
    contact: bytes


@dataclass(slots=True)
class Append:
    """One inventory's part of a batch. Without `facts` it only asks whether the fence still holds."""

    inventory_id: str
    kind: str
    epoch: int
    seq: int
    """The sequence before this append; it becomes `seq + 1` if there are facts."""
    at_ms: int = 0
    facts: bytes = b""
    """The batch's facts, a MessagePack array: one journal row."""
    next_due_ms: int | None = None
    live: int = 0
    """Tickets."""
    live_reservations: int = 0
    counts: tuple[TypeCounts, ...] = ()
    definition: Definition | None = None
    """Present where it changed."""
    moves: tuple[SeatMove, ...] = ()
    """What has become of seats."""
    tickets: tuple[TicketMove, ...] = ()
    """What has become of tickets."""
    placed: list[Stored] = field(default_factory=list)
    """Reservations that did not exist before this append, as it leaves them."""
    changed: list[AnyReservation] = field(default_factory=list)
    """Reservations that did, as it leaves them, ended ones too."""
    requests: list[Request] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Claimed:
    """An inventory that is now the claimer's, and nobody else's."""

    inventory_id: str
    kind: str
    epoch: int
    seq: int
    last_fact_ms: int
    definition: Definition
    layout: Layout | None = None
    """Of its seats, where it has any."""
    ticketed: bool = False
    """Something has happened to a ticket of it."""


@dataclass(slots=True, frozen=True)
class Elsewhere:
    """An inventory that is not the claimer's to have: its owner's name, or None where there is none."""

    inventory_id: str
    owner: str | None


@dataclass(slots=True, frozen=True)
class Due:
    """An inventory with a hold whose time has run out, and the name of its owner."""

    inventory_id: str
    owner: str


class OwnerStore(Protocol):
    """An owner's own way to its rows. One call at a time, except the loading ones (`live`, `tickets`)."""

    async def now_ms(self) -> int:
        """Store time: PostgreSQL's clock_timestamp."""

    async def claim(
        self, inventory_id: str, owner: str, held_epoch: int | None = None
    ) -> Claimed | Elsewhere:
        """Raise the epoch and load the definition, if the row names `owner` as its owner.

        With `held_epoch`, only if no other client has claimed it since that epoch, or since it was placed
        with this owner again; this client may have, by a claim whose answer was lost. `Elsewhere` with the
        same owner's name then says: another process of that name has.
        """

    async def live(self, inventory_id: str, after: str | None, limit: int) -> list[Stored]:
        """The next `limit` live reservations by id, beginning after `after`."""

    async def tickets(
        self, inventory_id: str, after: tuple[str, int] | None, limit: int
    ) -> list[StoredTicket]:
        """The next `limit` tickets of which something has happened, by reservation and number, beginning
        after `after`; of ended reservations too."""

    async def ended(self, inventory_id: str, reservation_ids: list[str]) -> list[Stored]:
        """Those of the ids that are reservations of this inventory, live or ended."""

    async def recorded(self, wanted: list[tuple[str, bytes]]) -> dict[tuple[str, bytes], Request]:
        """Those of the (inventory id, request id) pairs that have done something."""

    async def append(self, batch: list[Append]) -> set[str]:
        """Store the batch in one statement; the ids whose fence held, facts or not."""

    async def create(self, entry: Append, owner: str, scope: str) -> bool:
        """Make a new inventory (epoch 1, seq 1) owned by `owner`, with its first facts.

        Its request is recorded under `scope`, not under the inventory, whose id a retry does not know.
        False, and nothing is done, where that request is recorded already.
        """

    async def close(self) -> None:
        """Give the connections back, in bounded time."""


class Directory(Protocol):
    """Who owns what, and what is due. For gateways and timers."""

    async def now_ms(self) -> int:
        """Store time: PostgreSQL's clock_timestamp."""

    async def owner_of(self, inventory_id: str) -> str | None:
        """The owner's name, None where there is no such inventory."""

    async def place(self, inventory_id: str, owner: str) -> bool:
        """Give the inventory another owner and raise its epoch, which fences the present one."""

    async def due(self, until_ms: int, part: int, parts: int, limit: int) -> list[Due]:
        """Up to `limit` inventories of this part with something due until then, the longest due first."""
