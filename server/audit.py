"""The audit log: who of the operators, organisers and their staff did what, when, and with which outcome.

A route is audited by what it is: it changes something, and it is theirs, or a reservation's holder's or
anybody's and they ask for it, as an operator who reserves for somebody (`is_audited`). Its entry is durable
before the answer leaves; where it cannot be written the answer is `unavailable`, and the client's retry under
its key brings the answer and the entry. Whoever is refused before the handler, because of who it is, did
nothing.

An entry has ids and codes, nothing of what was sent. What guests and customers do stands in the journal.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec
import structlog
from aiohttp import web

from domain.audit import AuditEntry, WantedEntries
from server.callers import Who, caller_of
from server.problems import Problem
from server.replies import PROBLEM, Reply

TEXT_MAX_CHARACTERS = 300
"""Of a path and of a place in it: ids are shorter."""
_MADE = re.compile(rb"Location: \S+/([^/\s]+)\r\n")
_THEIRS = (Who.STAFF, Who.ORGANISER, Who.OPERATOR)
_ALSO_THEIRS = (Who.HOLDER, Who.GUEST)

_log = structlog.get_logger("turnstile.http")
Handler = Callable[..., Awaitable[Reply]]
Noted = Callable[[web.BaseRequest, Sequence[str], str], Awaitable[Reply]]
"""A handler that takes the path's values together, and the request's id."""


class AuditLog(Protocol):
    """Entries that are only ever added."""

    async def write(self, entry: AuditEntry) -> None:
        """Durable when this returns."""

    async def entries(self, wanted: WantedEntries, before: int, limit: int) -> list[tuple[int, AuditEntry]]:
        """With their numbers, the newest first, from that number down, itself left out."""


class Audited(Protocol):
    """What has to be known of a route."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def handler(self) -> Handler: ...
    @property
    def who(self) -> Who: ...
    @property
    def grants(self) -> bool: ...


class Audit:
    """Puts entries beside handlers. `now_ms`: store time."""

    def __init__(self, log: AuditLog, now_ms: Callable[[], int]) -> None:
        self._log = log
        self._now_ms = now_ms

    def beside(self, route: Audited) -> Noted | None:
        """The route's handler with its entry. None: it has none."""
        if not is_audited(route):
            return None
        handler, always = route.handler, route.who not in _ALSO_THEIRS

        def beside(request: web.BaseRequest, values: Sequence[str], request_id: str) -> Awaitable[Reply]:
            """Of guests and customers there is nothing to be noted, and no work with it."""
            if always or caller_of(request).may_be_in_charge:
                return noted(request, values, request_id)
            return handler(request, *values)

        async def noted(request: web.BaseRequest, values: Sequence[str], request_id: str) -> Reply:
            reply: Reply | None = None
            try:
                reply = await handler(request, *values)
            except Problem as problem:
                reply = problem.reply()
            finally:
                if always or caller_of(request).in_charge:
                    entry = self._entry(route, request, values, request_id, reply)
                    await self._write(entry, known=reply is not None)
            assert reply is not None, "what was raised has left by now"
            return reply

        return beside

    async def _write(self, entry: AuditEntry, known: bool) -> None:
        """Where the handler has failed its own error is the one to be told."""
        try:
            await self._log.write(entry)
        except Exception as error:
            _log.error("no audit entry", request_id=entry.request_id, error=repr(error))
            if known:
                raise Problem("unavailable", "It may be done, but could not be noted.") from error

    def _entry(
        self,
        route: Audited,
        request: web.BaseRequest,
        values: Sequence[str],
        request_id: str,
        reply: Reply | None,
    ) -> AuditEntry:
        caller = caller_of(request)
        return AuditEntry(
            self._now_ms(),
            caller.scope,
            "" if caller.role is None else caller.role.value,
            caller.organiser_id,
            route.method,
            route.path,
            request.rel_url.raw_path[:TEXT_MAX_CHARACTERS],
            values[0][:TEXT_MAX_CHARACTERS] if values else None,
            None if reply is None else _made(reply),
            request_id,
            None if reply is None else reply.code,
            None if reply is None else _problem(reply),
        )


def is_audited(route: Audited) -> bool:
    """Whether a route's requests leave an entry: of what is a holder's or anybody's only those of who is in
    charge."""
    if route.method in ("GET", "HEAD"):
        return False
    return route.grants or route.who in (*_THEIRS, *_ALSO_THEIRS)


def _made(reply: Reply) -> str | None:
    found = _MADE.search(reply.lines)
    return found[1].decode() if found is not None else None


class _Code(msgspec.Struct):
    """As much of a problem as an entry has."""

    code: str


_codes = msgspec.json.Decoder(_Code)


def _problem(reply: Reply) -> str | None:
    return _codes.decode(reply.payload).code if reply.media == PROBLEM else None
