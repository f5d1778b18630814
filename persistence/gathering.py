"""What many ask at once, asked together: what comes while a statement is under way goes with the next.

A single one waits for nobody, and under load a hundred cost little more than one. While who is asked does not
answer, a bounded number waits, and each for a bounded time: it is not asked at all then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from persistence.store import Overloaded, Unreachable

WAITING_MAX_QUESTIONS = 5_000
TURN_TIMEOUT_S = 2.5

Wanted = TypeVar("Wanted")
Answer = TypeVar("Answer")


class Gathering(Generic[Wanted, Answer]):
    """`carry` answers as many as it was given, in their order; a value that is an exception is raised where
    it is awaited, and so is what `carry` raises, by all."""

    def __init__(
        self, carry: Callable[[Sequence[Wanted]], Awaitable[Sequence[Answer | Exception]]], together_max: int
    ) -> None:
        self._carry_some = carry
        self._together_max = together_max
        self._waiting: deque[tuple[Wanted, asyncio.Future[Answer], float]] = deque()
        """With the loop's time since when each waits."""
        self._carrying: asyncio.Task[None] | None = None

    def ask(self, wanted: Wanted) -> asyncio.Future[Answer]:
        """Goes with the next call. To be awaited."""
        if len(self._waiting) >= WAITING_MAX_QUESTIONS:
            raise Overloaded("too much waits to be asked")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((wanted, answer, loop.time()))
        if self._carrying is None:
            self._carrying = loop.create_task(self._carry())
        return answer

    async def _carry(self) -> None:
        while some := self._take():
            try:
                answers = await self._carry_some([wanted for wanted, _ in some])
            except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
                answers = [error] * len(some)
            for (_, future), answer in zip(some, answers, strict=True):
                _settle(future, answer)
        self._carrying = None

    def _take(self) -> list[tuple[Wanted, asyncio.Future[Answer]]]:
        """The next ones; those before them who have waited too long hear so."""
        waiting, since_s = self._waiting, asyncio.get_running_loop().time() - TURN_TIMEOUT_S
        while waiting and waiting[0][2] < since_s:
            _settle(waiting.popleft()[1], Unreachable("too slow: its turn did not come in time"))
        return [waiting.popleft()[:2] for _ in range(min(len(waiting), self._together_max))]


def _settle(future: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
