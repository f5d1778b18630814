"""Making a new inventory: decided and stored like any command, but recorded where its retries will look."""

from __future__ import annotations

import msgspec

from actors.mailbox import Letter
from actors.wire import KEY_REUSED, pack_reply
from domain.event import State, counts, decide, evolve
from domain.event_messages import EventFact
from persistence.store import Append, Definition, OwnerStore, Request

_encoder = msgspec.msgpack.Encoder()


async def create(letter: Letter, store: OwnerStore, now_ms: int) -> None:
    """Answer the letter, once that is stored. Raises StoreError, and the outcome is unknown."""
    ask = letter.ask
    state = State()
    reply, facts = decide(state, ask.command, now_ms)
    letter.reply = pack_reply(reply)
    if facts:
        entry = _opening(ask.inventory_id, state, facts, now_ms)
        entry.requests.append(Request(ask.request_id, ask.fingerprint, letter.reply, ask.keep_until_ms))
        if not await store.create(entry, "event", ask.placement, ask.scope):
            recorded = (await store.recorded([letter.place]))[letter.place]
            same = recorded.fingerprint == ask.fingerprint
            letter.reply = recorded.reply if same else pack_reply(KEY_REUSED)
    letter.deliver()


def _opening(inventory_id: str, state: State, facts: tuple[EventFact, ...], at_ms: int) -> Append:
    """The first append of a new inventory, whose facts are made true of `state`."""
    for fact in facts:
        evolve(state, fact)
    assert state.terms is not None
    entry = Append(
        inventory_id, epoch=0, seq=0, at_ms=at_ms, facts=_encoder.encode(facts), counts=counts(state)
    )
    entry.definition = Definition(state.terms, state.version, state.paused)
    return entry
