"""What many ask at once, asked together: what comes while a statement is under way goes with the next.

A single one waits for nobody, and under load a hundred cost little more than one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

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
        self._waiting: list[tuple[Wanted, asyncio.Future[Answer]]] = []
        self._carrying: asyncio.Task[None] | None = None

    async def ask(self, wanted: Wanted) -> Answer:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((wanted, answer))
        if self._carrying is None:
            self._carrying = loop.create_task(self._carry())
        return await answer

    async def _carry(self) -> None:
        while self._waiting:
            some = self._waiting[: self._together_max]
            self._waiting = self._waiting[self._together_max :]
            try:
                answers = await self._carry_some([wanted for wanted, _ in some])
            except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
                answers = [error] * len(some)
            for (_, future), answer in zip(some, answers, strict=True):
                _settle(future, answer)
        self._carrying = None


def _settle(future: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
