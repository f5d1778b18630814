"""The way to an endpoint: one POST, and nothing that its address or its answer can make of it.

Who registers an address chooses where this server connects to (server-side request forgery), so:

- The address that is connected to is looked at when its socket is made, after the name was resolved and with
  no second look-up between: whatever a name says later, or at another moment, no private address is reached.
  That holds for addresses that are written out too, in whatever way.
- https only, and the certificate is checked; no redirect is followed; no proxy, no cookies, no credentials.
- An answer has so long, in all, and so many bytes; its body is read to use the connection again, and is not
  looked at, kept or unpacked.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from domain.endpoints import ENDPOINTS_MAX, url_fault
from domain.public_addresses import is_loopback, is_public

DNS_KEPT_S = 10
HEAD_MAX_BYTES = 8_190
"""Of each of an answer's header lines; it has at most 128 of them."""


LOOK_UPS_MAX = ENDPOINTS_MAX + 28
"""At a time. A name that nobody answers for takes its thread for half a minute, whoever has stopped waiting:
all that one organiser may register leave some to the others."""


class NotReached(Exception):
    """There was no answer, or none that could be read; the message says why, in words."""


class Names(AbstractResolver):
    """Looks names up in threads that do nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOK_UPS_MAX, "look-up")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        look_up = partial(
            socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=port, family=kind, proto=protocol, flags=flags
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class Reach:
    """Connections to endpoints. `local`: to this machine's loopback addresses too."""

    def __init__(
        self, local: bool, timeout_s: float, answer_max_bytes: int, resolver: AbstractResolver | None = None
    ) -> None:
        self._local = local
        self._answer_max_bytes = answer_max_bytes
        self._names = resolver or Names()
        connector = aiohttp.TCPConnector(
            limit=0, ttl_dns_cache=DNS_KEPT_S, socket_factory=self._socket, resolver=self._names
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=HEAD_MAX_BYTES,
            max_field_size=HEAD_MAX_BYTES,
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The answer's status. Raises NotReached."""
        fault = url_fault(url, self._local)
        if fault is not None:
            raise NotReached(fault)
        try:
            async with self._session.post(url, headers=headers, data=body, allow_redirects=False) as answer:
                await self._read(answer)
                return answer.status
        except TimeoutError as error:
            raise NotReached("no answer in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotReached(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        await self._session.close()
        await self._names.close()

    async def _read(self, answer: aiohttp.ClientResponse) -> None:
        left = self._answer_max_bytes
        while left > 0:
            piece = await answer.content.read(left)
            if not piece:
                return
            left -= len(piece)
        answer.close()

    def _socket(self, found: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = found
        host = str(address[0])
        if not (is_public(host) or (self._local and is_loopback(host))):
            raise OSError(errno.EACCES, "not a public address")
        return socket.socket(family, kind, protocol)
