"""Passwords: argon2id (RFC 9106), in a few threads of their own, so that no request waits behind them.

A check of an account that is not there takes as long as any: it is made against the hash of nothing. How many
checks wait is bounded, because each takes a tenth of a second and 64 MiB.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from server.problems import Problem

Result = TypeVar("Result")


class Passwords:
    """Makes and checks hashes."""

    def __init__(
        self, threads_max: int = 2, waiting_max: int = 32, hasher: PasswordHasher | None = None
    ) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._threads = ThreadPoolExecutor(threads_max, thread_name_prefix="passwords")
        self._under_way_max = threads_max + waiting_max
        self._under_way = 0
        self._nobodys = self._hasher.hash(secrets.token_hex())

    async def hashed(self, password: str) -> str:
        """What to keep of a password."""
        return await self._apart(lambda: self._hasher.hash(_normal(password)))

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether it is that password. None: of nobody; False, as late as any other False."""
        return await self._apart(lambda: self._matches(password_hash or self._nobodys, password)) and bool(
            password_hash
        )

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, _normal(password))
        except VerificationError:
            return False

    async def _apart(self, work: Callable[[], Result]) -> Result:
        if self._under_way >= self._under_way_max:
            raise Problem("overloaded", "Too many passwords are being checked; nothing happened.")
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= 1

    def close(self) -> None:
        """What is under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _normal(password: str) -> bytes:
    """The same bytes for what looks the same on another keyboard (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
