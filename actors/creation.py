"""Making a new inventory: decided and stored like any command, but recorded where its retries will look."""

from __future__ import annotations

import msgspec

from actors.mailbox import Letter
from actors.refusals import ANSWERS
from actors.wire import KEY_REUSED, pack_reply
from domain.kinds import CREATES, KINDS
from persistence.store import Append, OwnerStore, Refused, Request

_encoder = msgspec.msgpack.Encoder()


async def create(letter: Letter, store: OwnerStore, now_ms: int) -> None:
    """Answer the letter, once that is stored. Raises StoreError, and the outcome is unknown."""
    ask = letter.ask
    kind = CREATES[type(ask.command)]
    rules = KINDS[kind]
    state = rules.State()
    reply, facts = rules.decide(state, ask.command, now_ms)
    letter.reply = pack_reply(reply)
    if facts:
        for fact in facts:
            rules.evolve(state, fact)
        entry = Append(ask.inventory_id, kind, epoch=0, seq=0, at_ms=now_ms, facts=_encoder.encode(facts))
        entry.counts, entry.definition = rules.counts(state), rules.definition(state)
        entry.requests.append(Request(ask.request_id, ask.fingerprint, letter.reply, ask.keep_until_ms))
        try:
            made = await store.create(entry, ask.placement, ask.scope)
        except Refused as error:
            if error.constraint not in ANSWERS:
                raise
            letter.answer(ANSWERS[error.constraint])
            return
        if not made:
            recorded = (await store.recorded([letter.place]))[letter.place]
            same = recorded.fingerprint == ask.fingerprint
            letter.reply = recorded.reply if same else pack_reply(KEY_REUSED)
    letter.deliver()
