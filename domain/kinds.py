"""The kinds of inventory, and what each brings: one module of rules, and its messages.

Owners, the gateway and the stores know no kind: they find its rules here by the name that stands in
`inventories.kind`. What its rows are beyond those that all kinds have is said in `persistence.append` and
`persistence.postgres`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, get_args

from domain import event, restaurant
from domain.event_messages import (
    CreateEvent,
    EventCommand,
    EventDefinition,
    EventFact,
    EventReplies,
    EventReply,
    HoldPlaced,
    PlaceHold,
    Reservation,
    TypeCounts,
)
from domain.event_seats import SeatMove
from domain.event_tickets import TicketMove, contact_key
from domain.restaurant_messages import (
    CreateRestaurant,
    HoldTable,
    RestaurantCommand,
    RestaurantDefinition,
    RestaurantFact,
    RestaurantReplies,
    RestaurantReply,
    SeatWalkIn,
    TableHeld,
    TableReservation,
    WalkInSeated,
)
from domain.seat_plan import Layout
from domain.ticket_messages import Ticket, TicketFact, TransferTicket

Command = EventCommand | RestaurantCommand
Creation = CreateEvent | CreateRestaurant
"""Commands that make an inventory. Each has the `id` that it will get."""
PLACING = (PlaceHold, HoldTable, SeatWalkIn)
"""Commands that make a reservation. Each has a `reservation_id` and the customer's `contact`."""
Fact = EventFact | RestaurantFact
"""One with a `reservation_id` makes or changes that reservation; any other changes the definition. A
`TicketFact` changes its reservation only if that is another one afterwards."""
PLACED = (HoldPlaced, TableHeld, WalkInSeated)
"""Facts that make a reservation."""
TICKETED = get_args(TicketFact)
"""Facts of a ticket."""
Reply = EventReplies | RestaurantReplies
DESCRIBED = (EventReply, RestaurantReply)
"""What an inventory answers to its making."""
Definition = EventDefinition | RestaurantDefinition
AnyReservation = Reservation | TableReservation


class State(Protocol):
    """What the states of all kinds have in common."""

    live: int
    last_fact_ms: int
    reservations: dict[str, Any]
    """Those that are live."""
    ended: dict[str, Any]
    """Those that ended in the present batch, or that were looked up for it."""
    contacts: dict[str, bytes]

    @property
    def hidden(self) -> bool:
        """Is it for operators only? Then none of its counts are published."""


class Rules(Protocol):
    """What a kind's module offers. A state, command or fact is always one of its own."""

    @property
    def State(self) -> Callable[[], Any]:  # noqa: N802 - a class
        """An inventory of which nothing has happened yet."""

    @property
    def COMMANDS(self) -> frozenset[type]:  # noqa: N802 - a constant
        """What can be asked of it; anything else is meant for another kind."""

    def restored(self, inventory_id: str, definition: Any, last_fact_ms: int, layout: Layout | None) -> Any:
        """The state as it is stored, still without what there can be much of: `load` and `admit` bring it."""

    def load(self, state: Any, definition: Any) -> Iterator[int]:
        """Take in what else the definition says, step by step; each says how many pieces it had."""

    def admit(self, state: Any, reservation: Any) -> int:
        """Take in a live reservation that was loaded. How many pieces it had."""

    def loaded(self, state: Any) -> None:
        """All that is stored has been taken in."""

    def definition(self, state: Any) -> Definition:
        """What is stored of it whenever a fact has changed more than a reservation."""

    def counts(self, state: Any) -> tuple[TypeCounts, ...]:
        """What is stored and published with each append."""

    def moves(self, state: Any) -> tuple[SeatMove, ...]:
        """What has become of its seats since this was asked last."""

    def admit_ticket(self, state: Any, reservation_id: str, number: int, ticket: Ticket) -> None:
        """Take in a ticket that was loaded, after all reservations."""

    def ticket_moves(self, state: Any) -> tuple[TicketMove, ...]:
        """What has become of its tickets since this was asked last."""

    def looks_up(self, state: Any, command: Any) -> str | None:
        """The reservation that the command needs and memory does not hold."""

    def due(self, state: Any, now_ms: int, limit: int) -> Sequence[Fact]:
        """At most `limit` facts of what time alone has ended."""

    def next_due_ms(self, state: Any) -> int | None:
        """When something is due; None if nothing ever will be."""

    def decide(self, state: Any, command: Any, now_ms: int) -> tuple[Reply, tuple[Fact, ...]]:
        """What follows from the command; changes nothing."""

    def evolve(self, state: Any, fact: Any) -> None:
        """Make the fact true of the state."""


def contact_of(command: Command) -> tuple[str, bytes] | None:
    """The contact that a command brings, and under what a state keeps it; most bring none."""
    if isinstance(command, PLACING):
        return command.reservation_id, command.contact
    if isinstance(command, TransferTicket):
        return contact_key(command.reservation_id, command.number), command.contact
    return None


KINDS: Mapping[str, Rules] = {"event": event, "restaurant": restaurant}

CREATES: Mapping[type, str] = {CreateEvent: "event", CreateRestaurant: "restaurant"}
"""The kind that a creation makes."""
