"""What gateways and owners say to each other: one bytes object each way, for many commands at once.

Much of what a call costs is the same however much it carries, so a call carries a batch: a number, and an
array of `Ask`, answered by an array of replies in the same order. The numbers let an owner turn away a call
that comes twice, or so late that its gateway has given up on it: its commands have been sent again, and
perhaps refused, and what was refused must not be done after all.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.kinds import Command, Reply
from domain.messages import Code, Message, Rejected


class CallFailed(Exception):
    """A call brought no answer; what it carried may have been done."""


class NotUnderstood(Exception):
    """The two ends speak different versions. Saying it again would not help; what was said before may have
    been done."""


class Ask(Message, frozen=True):
    """One command on its way. `attempt` above 0: an earlier one may have had its effect."""

    inventory_id: str
    request_id: bytes
    deadline_ms: int
    """Store time from which on the owner must not begin it any more."""
    command: Command
    fingerprint: bytes = b""
    keep_until_ms: int = 0
    """How long what it did must be remembered."""
    scope: str = ""
    """Where a creation is recorded: a retry cannot know the id that the first attempt chose."""
    keyed: bool = False
    """The request id is a client's, so this may be a retry of anything within the last day."""
    attempt: int = 0
    placement: str = ""
    """Of a creation: the owner that the new inventory will belong to."""

    @property
    def creates(self) -> bool:
        """Only creations are recorded under a scope."""
        return bool(self.scope)


class Batch(Message, frozen=True):
    """What one call carries. `number` rises with each call of a gateway; `awaited` are the calls to this
    owner whose answers the gateway still waits for: earlier ones that are not among them it has given up."""

    gateway: bytes
    number: int
    awaited: tuple[int, ...]
    asks: tuple[Ask, ...]
    patience_ms: int
    """How long the call may be kept for an inventory that is not in memory yet; then it is `Later`."""


class Moved(Message, frozen=True):
    """Not mine, or not any more: ask the directory who has it, and send it again."""


class Later(Message, frozen=True):
    """Its inventory is still on its way into memory. Nothing was decided: send it again, in a call beside
    those whose commands need not wait for that."""


Answer = Reply | Moved | Later

_encoder = msgspec.msgpack.Encoder()
_batch = msgspec.msgpack.Decoder(Batch)
_answers = msgspec.msgpack.Decoder(list[Answer])

NOTHING = Batch(b"", 0, (), (), 0)
"""A batch that asks for nothing: it is answered by an owner that is there and can reach its store."""
MOVED = msgspec.Raw(_encoder.encode(Moved()))
LATER = msgspec.Raw(_encoder.encode(Later()))
OVERLOADED = Rejected(Code.OVERLOADED, "Too much is waiting; nothing happened.", {"retry_after_s": 1})
UNAVAILABLE = Rejected(
    Code.UNAVAILABLE, "The outcome is unknown; try again with the same Idempotency-Key.", {"retry_after_s": 1}
)
KEY_REUSED = Rejected(Code.KEY_REUSED, "This Idempotency-Key was used for another request.")


def pack_batch(batch: Batch) -> bytes:
    return _encoder.encode(batch)


def unpack_batch(payload: bytes) -> Batch:
    return _batch.decode(payload)


def pack_reply(reply: Answer) -> bytes:
    return _encoder.encode(reply)


def pack_answers(replies: Sequence[msgspec.Raw]) -> bytes:
    return _encoder.encode(replies)


def unpack_answers(payload: bytes) -> list[Answer]:
    return _answers.decode(payload)
