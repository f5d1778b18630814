"""One inventory's part of a batch: what is due, then each command in order, then one entry to append.

A turn works on the inventory's state in memory, ahead of the store. Until the append has succeeded
nothing of it may be told to anyone; if it fails, the state in memory is no longer true and is dropped.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import msgspec

from actors.mailbox import Letter
from actors.wire import KEY_REUSED, OVERLOADED, UNAVAILABLE, pack_reply
from domain.event_messages import HoldExpired
from domain.event_tickets import contact_key
from domain.kinds import KINDS, PLACED, TICKETED, Definition, Fact, State, contact_of
from domain.messages import Code, Rejected
from domain.ticket_messages import TicketFact
from persistence.store import Append, Claimed, Request, Stored, StoredTicket

NEXT_DUE_GRID_MS = 250
"""`next_due_ms` is stored rounded up to this, so that the indexed column seldom changes under load."""
NOT_OF_THIS_KIND = Rejected(Code.NOT_FOUND, "There is no such thing of this kind.")

log = logging.getLogger(__name__)
_encoder = msgspec.msgpack.Encoder()


class Held:
    """An inventory this owner has claimed: its fence and its state."""

    __slots__ = ("epoch", "inventory_id", "kind", "rules", "seq", "state", "used_ms")

    def __init__(self, claimed: Claimed) -> None:
        self.inventory_id = claimed.inventory_id
        self.kind = claimed.kind
        self.epoch = claimed.epoch
        self.seq = claimed.seq
        self.rules = KINDS[claimed.kind]
        self.state: State = self.rules.restored(
            claimed.inventory_id, claimed.definition, claimed.last_fact_ms, claimed.layout
        )
        self.used_ms = 0

    def load(self, definition: Definition) -> Iterator[int]:
        """Take in what else the definition says, in steps; each says how many pieces it had."""
        return self.rules.load(self.state, definition)

    def admit(self, page: list[Stored]) -> Iterator[int]:
        """Take in live reservations that were loaded, each of them a step."""
        state, admit, contacts = self.state, self.rules.admit, self.state.contacts
        for stored in page:
            reservation = stored.reservation
            contacts[reservation.id] = stored.contact
            yield admit(state, reservation)

    def admit_tickets(self, page: list[StoredTicket]) -> Iterator[int]:
        """Take in tickets that were loaded, after all reservations, each of them a step."""
        for one in page:
            self.rules.admit_ticket(self.state, one.reservation_id, one.number, one.ticket)
            if one.contact:
                self.state.contacts[contact_key(one.reservation_id, one.number)] = one.contact
            yield 1

    def loaded(self) -> None:
        """All of them are in."""
        self.rules.loaded(self.state)


class Turn:
    """What a batch makes of one inventory."""

    def __init__(self, held: Held, now_ms: int) -> None:
        self.held = held
        self.now_ms = max(now_ms, held.state.last_fact_ms)
        self.letters: list[Letter] = []
        self.facts: list[Fact] = []
        self.expired = 0
        self.late_ms = 0
        """How long after its end the latest of the holds that end in this turn was noticed."""
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """How many commands of which kind ended how: `done`, `replayed`, or the code of the refusal."""
        self._requests: list[Request] = []
        self._replies: dict[tuple[str, bytes], Request] = {}
        self._touched: dict[str, bool] = {}
        """Reservations that facts of this turn are about; whether one of these made it."""
        self._defined = False

    def missing(self, letters: list[Letter]) -> list[str]:
        """Reservations that the commands name and memory does not hold."""
        held = self.held
        found = (held.rules.looks_up(held.state, letter.ask.command) for letter in letters)
        return list({reservation_id for reservation_id in found if reservation_id is not None})

    def remember(self, ended: list[Stored]) -> None:
        """Reservations that were looked up, for the time of this turn."""
        for stored in ended:
            if not stored.reservation.status.live:
                self.held.state.ended[stored.reservation.id] = stored.reservation
                self.held.state.contacts[stored.reservation.id] = stored.contact

    def expire(self, limit: int) -> bool:
        """Turn what is due into facts; True if there may be more than `limit`."""
        facts = self.held.rules.due(self.held.state, self.now_ms, limit)
        for fact in facts:
            if isinstance(fact, HoldExpired):
                end_ms = self.held.state.reservations[fact.reservation_id].expires_at_ms
                self.expired, self.late_ms = self.expired + 1, max(self.late_ms, self.now_ms - end_ms)
            self._happen(fact)
        return len(facts) >= limit

    def take(self, letter: Letter, recorded: Request | None) -> None:
        """Decide one command. A recorded reply comes before everything else that could be said."""
        self.letters.append(letter)
        earlier = recorded or self._replies.get(letter.place)
        if earlier is not None:
            same = earlier.fingerprint == letter.ask.fingerprint
            letter.reply = earlier.reply if same else pack_reply(KEY_REUSED)
            outcome = "replayed" if same else KEY_REUSED.code.value
        elif letter.ask.deadline_ms <= self.now_ms:
            late = UNAVAILABLE if letter.ask.attempt else OVERLOADED
            letter.reply = pack_reply(late)
            outcome = late.code.value
        else:
            outcome = self._decide(letter)
        self.outcomes[type(letter.ask.command).__name__, outcome] += 1

    def entry(self) -> Append:
        """What to append; without facts it only reads the fence."""
        held, state = self.held, self.held.state
        if not self.facts:
            return Append(held.inventory_id, held.kind, held.epoch, held.seq)
        end = held.rules.next_due_ms(state)
        entry = Append(
            held.inventory_id,
            held.kind,
            held.epoch,
            held.seq,
            at_ms=self.now_ms,
            facts=_encoder.encode(self.facts),
            next_due_ms=None if end is None else -(-end // NEXT_DUE_GRID_MS) * NEXT_DUE_GRID_MS,
            live=state.live,
            live_reservations=len(state.reservations) if state.live else 0,
            counts=held.rules.counts(state),
            moves=held.rules.moves(state),
            tickets=held.rules.ticket_moves(state),
            requests=self._requests,
        )
        if self._defined:
            entry.definition = held.rules.definition(state)
        self._fill_in_reservations(entry)
        return entry

    def settle(self) -> None:
        """The append has succeeded: tell everyone, and let go of what was only needed for this turn."""
        if self.facts:
            self.held.seq += 1
        self.held.used_ms = self.now_ms
        state = self.held.state
        for reservation_id in state.ended:
            state.contacts.pop(reservation_id, None)
        state.ended.clear()
        for letter in self.letters:
            letter.deliver()

    def _decide(self, letter: Letter) -> str:
        ask, held = letter.ask, self.held
        if type(ask.command) not in held.rules.COMMANDS:
            letter.reply = pack_reply(NOT_OF_THIS_KIND)
            return NOT_OF_THIS_KIND.code.value
        try:
            reply, facts = held.rules.decide(held.state, ask.command, self.now_ms)
        except Exception:
            log.exception("deciding a command failed", extra={"inventory": ask.inventory_id})
            letter.reply = pack_reply(UNAVAILABLE)
            return "failed"
        letter.reply = pack_reply(reply)
        if not facts:
            return reply.code.value if isinstance(reply, Rejected) else "done"
        for fact in facts:
            self._happen(fact)
        brought = contact_of(ask.command)
        if brought is not None:
            held.state.contacts[brought[0]] = brought[1]
        request = Request(ask.request_id, ask.fingerprint, letter.reply, ask.keep_until_ms)
        self._requests.append(request)
        self._replies[letter.place] = request
        return "done"

    def _happen(self, fact: Fact) -> None:
        if isinstance(fact, TICKETED):
            self._happen_to_ticket(fact)
            return
        self.held.rules.evolve(self.held.state, fact)
        self.facts.append(fact)
        reservation_id = getattr(fact, "reservation_id", None)
        if reservation_id is None:
            self._defined = True
        elif isinstance(fact, PLACED):
            self._touched[reservation_id] = True
        else:
            self._touched.setdefault(reservation_id, False)

    def _happen_to_ticket(self, fact: TicketFact) -> None:
        """Most of these leave the reservation's row as it is."""
        state = self.held.state
        before = state.reservations[fact.reservation_id]
        self.held.rules.evolve(state, fact)
        self.facts.append(fact)
        if state.reservations[fact.reservation_id] is not before:
            self._touched.setdefault(fact.reservation_id, False)

    def _fill_in_reservations(self, entry: Append) -> None:
        state = self.held.state
        for reservation_id, placed in self._touched.items():
            reservation = state.reservations.get(reservation_id) or state.ended[reservation_id]
            if placed:
                entry.placed.append(Stored(reservation, state.contacts.get(reservation_id, b"{}")))
            else:
                entry.changed.append(reservation)
