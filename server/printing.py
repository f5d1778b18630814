"""Tickets on paper, without the front end's loop standing still: a process of its own draws them.

There is one for each front end, from the first file on. How many wait for it is bounded, and so is how long
one file may take: a process that takes longer is ended, and the next file gets another.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

import msgspec
import structlog

from server.problems import Problem
from server.ticket_paper import DONE, LENGTH_BYTES, Paper

PDF = "application/pdf"
TICKETS_PER_PDF_MAX = 50
PAPERS_WAITING_MAX = 16
PAPER_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 2.0
_log = structlog.get_logger("turnstile.http")


class Printer:
    """See the module."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def print(self, paper: Paper) -> bytes:
        """The file. Raises the problem that too many wait, or that it cannot be made."""
        if self._waiting >= PAPERS_WAITING_MAX:
            raise Problem("overloaded", "Too many files are being made.")
        self._waiting += 1
        try:
            async with self._one_at_a_time, asyncio.timeout(PAPER_TIMEOUT_S):
                return await self._printed(paper)
        except (OSError, EOFError, TimeoutError) as error:
            _log.error("a file cannot be made", error=repr(error))
            raise Problem("unavailable", "The file cannot be made at present.") from None
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """It ends when its input does; if not, it is ended."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _printed(self, paper: Paper) -> bytes:
        process = await self._ready()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            asked = msgspec.msgpack.encode(paper)
            process.stdin.write(len(asked).to_bytes(LENGTH_BYTES, "big") + asked)
            await process.stdin.drain()
            length = await process.stdout.readexactly(LENGTH_BYTES)
            answer = await process.stdout.readexactly(int.from_bytes(length, "big"))
        except BaseException:
            # What it would say next is the answer to this, and nobody waits for it any more.
            self._process = None
            with suppress(ProcessLookupError):
                process.kill()
            raise
        if not answer.startswith(DONE):
            raise EOFError(answer.decode(errors="replace"))
        return answer[len(DONE) :]

    async def _ready(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            program = ("-m", "server.ticket_printer")
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *program, stdin=PIPE, stdout=PIPE
            )
        return self._process
