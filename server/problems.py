"""Errors as RFC 9457 problems: the table of codes, and a refusal or a client's mistake as a response.

`code` is what a client switches on. `status` is RFC 9457's, a number; the state a reservation is in goes
by `reservation_status`, an event's by `event_status` and a restaurant's by `restaurant_status`, because one
object cannot have two members of one name.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from domain.messages import Code, Rejected
from server.payloads import Money
from server.replies import PROBLEM, Reply
from server.times import rfc3339

RETRY_AFTER_S = 1
"""For `overloaded` and `unavailable`, where nobody knows better."""

TABLE: dict[str, tuple[int, str]] = {
    "invalid": (422, "The request does not fit its schema, or does not fit together"),
    "malformed": (400, "The body or the request cannot be read"),
    "too_large": (413, "The body is over this server's bound"),
    "unauthorized": (401, "A token is needed, or it is wrong"),
    "forbidden": (403, "Not allowed"),
    "not_found": (404, "Not found"),
    "method_not_allowed": (405, "The resource does not have this method"),
    "sold_out": (409, "Sold out"),
    "taken": (409, "Taken"),
    "held": (423, "Held by others for now"),
    "no_fitting_seats": (409, "No free seats that fit the wish"),
    "venue_taken": (409, "Another event has the venue at that time"),
    "in_use": (409, "In use"),
    "limit_exceeded": (409, "Over a limit"),
    "already_reserved": (409, "Reserved already"),
    "sales_closed": (409, "Not on sale"),
    "payment_due": (409, "To be paid for first"),
    "overdrawn": (409, "Not enough in the wallet"),
    "not_offered": (409, "The provider does not offer this"),
    "hold_expired": (410, "The hold has expired"),
    "wrong_state": (409, "The present state does not allow it"),
    "too_late": (409, "Too late"),
    "quota_below_live": (409, "Below what is live"),
    "already_checked_in": (409, "Let in already"),
    "ticket_replaced": (409, "Replaced by another code"),
    "score_too_low": (403, "Too many reservations were not kept"),
    "stale": (412, "Changed meanwhile"),
    "key_reused": (422, "The Idempotency-Key came with another body before"),
    "rate_limited": (429, "Too many requests"),
    "overloaded": (503, "Overloaded: nothing happened"),
    "unavailable": (503, "Unavailable: the outcome is unknown"),
    "internal": (500, "A fault of the server"),
}


class FieldError(msgspec.Struct, frozen=True):
    """Where in the request something is wrong (`lines[0].quantity`), and what."""

    path: str
    message: str


class CheckedIn(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a ticket was let in, by whom, at which gate, by which device."""

    at: str
    by: str
    gate: str | None = None
    device: str | None = None


class ProblemBody(msgspec.Struct, omit_defaults=True):
    """RFC 9457 problem details; the members after `detail` come with the codes that need them."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldError] | None = None
    limit: int | None = None
    requested: int | None = None
    live: int | None = None
    total: Money | None = None
    version: int | None = None
    reservation_status: str | None = None
    event_status: str | None = None
    restaurant_status: str | None = None
    mail_status: str | None = None
    retry_after_s: int | None = None
    seat: str | None = None
    failing: list[str] | None = None
    reservations: list[str] | None = None
    checked_in: CheckedIn | None = None


class Problem(Exception):
    """A client's mistake, found before any owner was asked: handlers raise it, the dispatcher answers.

    `closes`: the rest of the request cannot be made sense of, so the connection ends with it.
    """

    def __init__(
        self, code: str, detail: str, lines: bytes = b"", closes: bool = False, **members: Any
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.lines = lines
        self.closes = closes
        self.members = members

    def reply(self) -> Reply:
        reply = _reply(self.code, self.detail, self.lines, self.members)
        reply.closes = self.closes
        return reply


def invalid(path: str, message: str) -> Problem:
    """One field that is wrong."""
    return Problem("invalid", "The request is not valid.", errors=[FieldError(path, message)])


def not_found(what: str) -> Problem:
    return Problem("not_found", f"There is no such {what}.")


def refusal(rejected: Rejected, of: str | None = None) -> Reply:
    """What an owner refused. Sold out is answered by the thousand: such bare refusals are kept rendered.

    `of`: what was asked by its id. That it is not there is always said in the same words: by others one could
    tell it from a draft, or from what is of another kind."""
    if of is not None and rejected.code is Code.NOT_FOUND:
        return not_found(of).reply()
    if not rejected.facts and not rejected.errors and not rejected.reservations:
        status, body, lines = _bare(rejected.code, rejected.detail)
        return Reply(status, body, lines, PROBLEM)
    return _reply(rejected.code.value, rejected.detail, b"", _members(rejected))


def refused(rejected: Rejected) -> Problem:
    """A rule that was looked at before an owner was asked."""
    return Problem(rejected.code.value, rejected.detail, **_members(rejected))


def problem_body(rejected: Rejected) -> ProblemBody:
    """What was refused, to be shown as a part of something else."""
    return _body(rejected.code.value, rejected.detail, _members(rejected))


def _members(rejected: Rejected) -> dict[str, Any]:
    members: dict[str, Any] = dict(rejected.facts)
    if "total" in members:
        members["total"] = Money(members["total"], members.pop("currency"))
    if "status" in members:
        members["reservation_status"] = members.pop("status")
    if "entered_ms" in members:
        at, by = rfc3339(members.pop("entered_ms")), members.pop("by")
        members["checked_in"] = CheckedIn(at, by, members.pop("gate", None), members.pop("device", None))
    if rejected.errors:
        members["errors"] = [FieldError(path, message) for path, message in rejected.errors]
    if rejected.reservations:
        members["reservations"] = list(rejected.reservations)
    return members


@lru_cache(maxsize=256)
def _bare(code: Code, detail: str) -> tuple[int, bytes, bytes]:
    reply = _reply(code.value, detail, b"", {})
    return reply.code, reply.payload, reply.lines


def _reply(code: str, detail: str, lines: bytes, members: dict[str, Any]) -> Reply:
    status, _ = TABLE[code]
    if code in ("overloaded", "unavailable"):
        members = {"retry_after_s": RETRY_AFTER_S} | members
    if "retry_after_s" in members:
        lines += b"Retry-After: %d\r\n" % members["retry_after_s"]
    if status == 401:
        lines += b'WWW-Authenticate: Bearer realm="turnstile"\r\n'
    return Reply(status, msgspec.json.encode(_body(code, detail, members)), lines, PROBLEM)


def _body(code: str, detail: str, members: dict[str, Any]) -> ProblemBody:
    status, title = TABLE[code]
    body = ProblemBody(f"urn:turnstile:problem:{code}", title, status, code, detail)
    for name, value in members.items():
        if name in body.__struct_fields__:
            setattr(body, name, value)
    return body
