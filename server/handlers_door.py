"""The door: tickets let in, one at a time or as a device tells of them later, and the list for such devices.

A code that was not made here is `not_found`, and so is one of another event: its owner knows no such
reservation. Nothing is read before the owner is asked.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterator
from itertools import islice

from aiohttp import web

from actors.gateway import Key
from domain.event_tickets import places
from domain.kinds import Reply as Answer
from domain.messages import Code, Rejected
from domain.ticket_codes import Named
from domain.ticket_messages import ORDINARY, CheckIn, TicketReply, UndoCheckIn
from domain.views import FoundTicketed
from server import views
from server.bodies import Payload, read_body
from server.callers import Caller, caller_of
from server.entity_tags import IF_NONE_MATCH, named
from server.ids import parse_event_id
from server.keys import key_of
from server.parts import Parts
from server.payloads_tickets import OfflineScan, OfflineScans, Scan, WrongScan
from server.problems import not_found, problem_body, refusal
from server.replies import Reply
from server.streaming import begun
from server.times import to_ms
from server.views_tickets import (
    ListedTicket,
    ScanResult,
    ScanResults,
    entry_view,
    holder_of,
    let_in_view,
)

LINES = "application/x-ndjson"
LIST_PAGE_RESERVATIONS = 200
LIST_PIECE_TICKETS = 200
_SCAN, _WRONG_SCAN, _SCANS = Payload(Scan), Payload(WrongScan), Payload(OfflineScans)
_CONFLICTS = (Code.ALREADY_CHECKED_IN, Code.TICKET_REPLACED)
_NO_TICKET = Rejected(Code.NOT_FOUND, "There is no such ticket.")
_DIGEST_BYTES = 16


class DoorHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def check_in(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Let a ticket in, once; who comes with it again is told when, where and by whom it was let in."""
        body = await read_body(request, self._parts.options.body_max_bytes)
        scan = _SCAN.parse(request, body)
        ticket = self._named(scan.code)
        command = CheckIn(*ticket, by_of(caller_of(request)), scan.gate)
        return await self._answer(_event_of(event_text), command, key_of(request, body))

    async def undo(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Take back that a ticket was let in: it was a mistake, and it can be let in again."""
        body = await read_body(request, self._parts.options.body_max_bytes)
        ticket = self._named(_WRONG_SCAN.parse(request, body).code)
        command = UndoCheckIn(*ticket, by_of(caller_of(request)))
        return await self._answer(_event_of(event_text), command, key_of(request, body))

    async def upload(self, request: web.BaseRequest, event_text: str) -> Reply:
        """Tell later what a device let in while it was out of touch, with its own times.

        Applied in the order of these times. Each entry counts once, however often it is sent; what cannot be
        is told with it, and hinders no other.
        """
        parts = self._parts
        event_id = _event_of(event_text)
        body = await read_body(request, parts.options.body_max_bytes)
        told, caller = _SCANS.parse(request, body), caller_of(request)
        if await parts.reads.event(event_id) is None:
            raise not_found("event")
        by_ticket: dict[Named | None, list[tuple[int, OfflineScan]]] = {}
        for position, scan in sorted(enumerate(told.entries), key=lambda pair: pair[1].scanned_at):
            by_ticket.setdefault(parts.codes.of_code(scan.code), []).append((position, scan))
        done = await asyncio.gather(
            *(self._told(event_id, caller, told.device, *item) for item in by_ticket.items())
        )
        results = sorted((one for some in done for one in some), key=lambda one: one.position)
        return Reply(200, views.encode(ScanResults(results)))

    async def offline_list(self, request: web.BaseRequest, event_text: str) -> Reply:
        """List all tickets of an event, one JSON object a line, for devices that will be out of touch.

        They know a code by its digest. The list is as of its sequence, or a little later.
        """
        parts = self._parts
        event_id = _event_of(event_text)
        found = await parts.reads.availability(event_id)
        if found is None:
            raise not_found("event")
        tag = str(found.sequence)
        lines = f'ETag: W/"{tag}"\r\nCache-Control: private, no-cache\r\n'.encode()
        if tag in named(request.headers.get(IF_NONE_MATCH, "")):
            return Reply(304, b"", lines)
        return await begun(self._lines(event_id), LINES, lines)

    async def _lines(self, event_id: str) -> AsyncGenerator[bytes, None]:
        after: str | None = None
        while True:
            page = await self._parts.reads.door(event_id, after, LIST_PAGE_RESERVATIONS)
            rows = (row for one in page for row in self._listed(one))
            while piece := b"".join(islice(rows, LIST_PIECE_TICKETS)):
                yield piece
                await asyncio.sleep(0)  # to sign 200 codes takes some ms: others have their turn
            if len(page) < LIST_PAGE_RESERVATIONS:
                return
            after = page[-1].reservation.id

    def _listed(self, found: FoundTicketed) -> Iterator[bytes]:
        by_number = {one.number: one for one in found.tickets}
        for place in places(found.reservation):
            known = by_number.get(place.number)
            ticket = known.ticket if known else ORDINARY
            code = self._parts.codes.code(found.reservation.id, place.number, ticket.generation)
            row = ListedTicket(
                hashlib.sha256(code.encode()).hexdigest(),
                found.reservation.id,
                place.number,
                place.ticket_type,
                place.seat or None,
                holder_of(known.contact if known and ticket.holder else found.contact),
                entry_view(ticket.entry),
            )
            yield views.encode(row) + b"\n"

    async def _told(
        self,
        event_id: str,
        caller: Caller,
        device: str,
        ticket: Named | None,
        scans: list[tuple[int, OfflineScan]],
    ) -> list[ScanResult]:
        """The scans of one ticket, one after the other."""
        results = []
        for position, scan in scans:
            answer: Answer = _NO_TICKET
            if ticket is not None:
                scanned_ms = to_ms(scan.scanned_at)
                command = CheckIn(*ticket, by_of(caller), scan.gate, device, scanned_ms)
                answer = await self._parts.gateway.ask(event_id, command, _identity(event_id, command))
                self._parts.metrics.commanded(CheckIn, answer)
            if isinstance(answer, Rejected):
                conflict = answer.code in _CONFLICTS
                said = problem_body(answer)
                results.append(ScanResult(position, "conflict" if conflict else "refused", problem=said))
            else:
                assert isinstance(answer, TicketReply)
                results.append(ScanResult(position, "checked_in", let_in_view(answer)))
        return results

    def _named(self, code: str) -> Named:
        ticket = self._parts.codes.of_code(code)
        if ticket is None:
            raise not_found("ticket")
        return ticket

    async def _answer(self, event_id: str, command: CheckIn | UndoCheckIn, key: Key | None) -> Reply:
        answer = await self._parts.gateway.ask(event_id, command, key)
        self._parts.metrics.commanded(type(command), answer)
        if isinstance(answer, Rejected):
            return refusal(answer)
        assert isinstance(answer, TicketReply)
        return Reply(200, views.encode(let_in_view(answer)))


def by_of(caller: Caller) -> str:
    """Who let it in, as facts have it: an account's id, no name."""
    return caller.account_id or caller.scope


def _event_of(text: str) -> str:
    event_id = parse_event_id(text)
    if event_id is None:
        raise not_found("event")
    return event_id


def _identity(event_id: str, scan: CheckIn) -> Key:
    """What makes two tellings of one scan the same: all of it."""
    what = (event_id, scan.reservation_id, scan.number, scan.generation, scan.by)
    text = "\0".join(map(str, ("scan", *what, scan.gate, scan.device, scan.scanned_ms)))
    return Key(hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest(), b"")
