"""Submissions: reservations that are asked for behind the scenes (`Prefer: respond-async`).

A submission's id is the id that its reservation will have, so one token opens both.
"""

from __future__ import annotations

from aiohttp import web

from actors.gateway import Key
from domain.event_messages import ReservationReply
from domain.messages import Rejected
from domain.submission import Found, Standing, Submission, Submitted
from server import views
from server.addressed import is_of, opened_by_bearer
from server.callers import caller_of
from server.hold_caps import Places
from server.ids import id_bytes, parse_id
from server.parts import Parts
from server.preferences import APPLIED
from server.problems import RETRY_AFTER_S, not_found, problem_body, refusal
from server.replies import Reply
from server.views_restaurants import table_reservation_view
from server.views_submissions import AcceptedView, PendingView, RejectedView

_RETRY = f"Retry-After: {RETRY_AFTER_S}\r\n"


async def accepted(
    parts: Parts,
    places: Places,
    key: Key | None,
    inventory: tuple[str, str],
    command: Submitted,
) -> Reply:
    """202, once the command is durable. `places`: where it counts (`server.hold_caps`); `inventory`: its id
    and kind."""
    inventory_id, kind = inventory
    new_id = command.reservation_id
    named = (key.request_id, key.fingerprint) if key else (id_bytes(new_id), b"")
    said = await parts.submissions.accept(Submission(new_id, inventory_id, kind, command, *named))
    parts.metrics.commanded(Submission, said)
    if places:
        await parts.hold_caps.settle(places, key, new_id, said)
    if isinstance(said, Rejected):
        return refusal(said)
    token, _ = parts.access.papers(inventory_id, said)
    lines = f"Location: /api/v1/submissions/{said}\r\n{APPLIED}{_RETRY}"
    return Reply(202, views.encode(AcceptedView(said, token)), lines.encode())


class SubmissionHandlers:
    """The handlers; each answers one route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: web.BaseRequest, submission_text: str) -> Reply:
        """Show a submission: pending, rejected, or the reservation that was made, as it is by now."""
        submission_id = parse_id(submission_text)
        if submission_id is None:
            raise not_found("submission")
        bearer = opened_by_bearer(request)
        inventory_id = None if bearer else self._parts.access.event_of(request, submission_id)
        found = await self._parts.submissions.find(submission_id)
        if found is None or inventory_id not in (None, found.inventory_id):
            raise not_found("submission")
        if bearer and not is_of(caller_of(request), found.customer):
            raise not_found("submission")
        if found.standing is Standing.PENDING:
            return Reply(200, views.encode(PendingView(found.id)), _RETRY.encode())
        if found.rejection is not None:
            problem = problem_body(found.rejection)
            return Reply(200, views.encode(RejectedView(found.id, found.rejection.code, problem)))
        return await self._reservation(found)

    async def _reservation(self, found: Found) -> Reply:
        """With its papers: the one that was made may have another id, and so another token."""
        parts = self._parts
        assert found.reservation_id is not None
        made = await parts.reads.reservation(found.reservation_id)
        if made is None:
            raise not_found("reservation")
        token, code = parts.access.papers(found.inventory_id, found.reservation_id)
        reply = views.as_read(made.reply, parts.reads.now_ms(), made.stage)
        if isinstance(reply, ReservationReply):
            return Reply(200, views.reservation(found.inventory_id, reply, token, code))
        return Reply(200, views.encode(table_reservation_view(found.inventory_id, reply, token)))
