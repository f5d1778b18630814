"""An owner's door and bounded queue: calls come in, each with many letters, and leave with all answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

import msgspec

from actors.wire import Ask, Batch, pack_answers, pack_reply
from domain.kinds import Reply


class Door:
    """Lets every call in once, and none that its gateway has given up on."""

    GATEWAYS_MAX = 1_000
    """Remembered, the latest; a gateway is a process, and their names do not come back."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[int, frozenset[int]]] = {}
        """By gateway: its newest call that came, and the earlier ones that may still come."""

    def lets_in(self, batch: Batch) -> bool:
        number, (newest, expected) = batch.number, self._known.pop(batch.gateway, (0, frozenset[int]()))
        fresh = number > newest or number in expected
        if number > newest:
            awaited = (call for call in batch.awaited if call > newest or call in expected)
            newest, expected = number, frozenset(awaited)
        self._known[batch.gateway] = newest, expected - {number}
        if len(self._known) > self.GATEWAYS_MAX:
            del self._known[next(iter(self._known))]
        return fresh


class Call:
    """One call of a gateway; `done` gets the packed answers when the last letter is answered."""

    __slots__ = ("answers", "done", "impatience", "open", "patience_s")

    def __init__(self, size: int, patience_s: float) -> None:
        self.answers = [msgspec.Raw()] * size
        self.open = size
        self.patience_s = patience_s
        """How long its letters wait for an activation before they go back."""
        self.impatience: asyncio.TimerHandle | None = None
        """When those that wait for one have waited long enough; none where none does."""
        self.done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def answer(self, position: int, reply: msgspec.Raw) -> None:
        self.answers[position] = reply
        self.open -= 1
        if not self.open and not self.done.done():
            self.done.set_result(pack_answers(self.answers))


class Letter:
    """One command of a call, and the reply it will get once that is durable."""

    __slots__ = ("answered", "ask", "call", "company", "doubtful", "position", "reply")

    def __init__(self, ask: Ask, call: Call, position: int) -> None:
        self.ask = ask
        self.call = call
        self.position = position
        self.reply = b""
        self.answered = False
        self.doubtful = ask.attempt > 0
        """An earlier attempt of it may have had its effect."""
        self.company: str | None = ""
        """With whom it may be in a batch. One that was refused is tried again in smaller ones, to find the
        culprit: of one inventory each, whose id its letters then have here, or of one letter (None)."""

    @property
    def may_be_recorded(self) -> bool:
        return self.doubtful or self.ask.keyed

    @property
    def alone(self) -> bool:
        return self.company is None

    @property
    def can_come_again(self) -> bool:
        """Whether a new letter of the same ask would be treated as this one."""
        return self.company == "" and self.doubtful == (self.ask.attempt > 0)

    @property
    def place(self) -> tuple[str, bytes]:
        """Where its request id would be recorded."""
        return self.ask.scope or self.ask.inventory_id, self.ask.request_id

    def deliver(self) -> None:
        """Send the reply that was prepared."""
        self.send(msgspec.Raw(self.reply))

    def answer(self, reply: Reply) -> None:
        """Send a reply that needs no storing."""
        self.send(msgspec.Raw(pack_reply(reply)))

    def send(self, raw: msgspec.Raw) -> None:
        if not self.answered:
            self.answered = True
            self.call.answer(self.position, raw)


class Mailbox:
    """Letters in the order they came, at most `max_commands` of them, counting those set aside to wait."""

    def __init__(self, max_commands: int) -> None:
        self.max_commands = max_commands
        self.elsewhere = 0
        """Letters that wait for an activation: not in the queue, but in the bound."""
        self._letters: deque[Letter] = deque()
        self._bell = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._letters) + self.elsewhere

    @property
    def room(self) -> int:
        return max(0, self.max_commands - len(self))

    def put(self, letters: Iterable[Letter]) -> None:
        self._letters.extend(letters)
        self._bell.set()

    def put_back(self, letters: list[Letter]) -> None:
        """Letters that were taken already; they go before the others, in their own order."""
        self._letters.extendleft(reversed(letters))
        self._bell.set()

    async def take(self, limit: int) -> list[Letter]:
        """Up to `limit` letters, as soon as there is one, that may be in one batch. None if closed."""
        while not self._letters:
            if self._closed:
                return []
            self._bell.clear()
            await self._bell.wait()
        letters = self._letters
        taken = [letters.popleft()]
        company = taken[0].company
        while company is not None and letters and len(taken) < limit and letters[0].company == company:
            taken.append(letters.popleft())
        return taken

    def close(self) -> list[Letter]:
        """All that is in it, for an owner that leaves; `take` gives nothing from here on."""
        self._closed = True
        self._bell.set()
        letters = list(self._letters)
        self._letters.clear()
        return letters
