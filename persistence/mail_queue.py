"""Mails waiting to be sent: taken by lease, then marked as what became of them.

`take` gives rows away for the time of a lease: until then nobody else is given them. `due_ms` is that end, so
what was taken by who died is due again by itself. Attempts are counted when a mail is taken: one that brings
its sender down comes to its end too.

What is marked must still be pending, and is what has no end: a mark that comes twice, or too late, changes
nothing. By its status it would be looked for among all that are pending, where the plan is made before there
are any.

A language that was not given with a reservation, or with a ticket that was passed on, is that of the account
of its customer, as it says by now: a sale reads no account.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from domain.mail import Json, MailKind
from domain.mail_details import BookedLine, Details, TicketHolder
from persistence.connection import Limits, Links, Row
from persistence.rows import NOW, decoded_lines, decoded_stay, restaurant_terms_of

ERROR_MAX_CHARACTERS = 500

TAKE = f"""
WITH wanted AS (
  SELECT id FROM outgoing_mails WHERE status = 'pending' AND due_ms <= ({NOW})
   ORDER BY due_ms LIMIT $1 FOR UPDATE SKIP LOCKED)
UPDATE outgoing_mails m SET due_ms = ({NOW}) + $2, attempts = m.attempts + 1
  FROM wanted w WHERE m.id = w.id
RETURNING m.id::text, m.kind, m.recipient, m.language, m.inventory_id::text, m.reservation_id::text,
          m.parameters, m.created_ms, m.until_ms, m.attempts"""

END = f"""
UPDATE outgoing_mails SET status = $2, recipient = NULL, parameters = '{{}}', error = NULL, ended_ms = ({NOW})
 WHERE id = $1 AND ended_ms IS NULL"""
"""What ended well needs nothing that is anybody's any more."""

FAIL = f"""
UPDATE outgoing_mails SET status = $3, error = $4, due_ms = ({NOW}) + $5,
       ended_ms = CASE $3 WHEN 'dead' THEN ({NOW}) END
 WHERE id = $1 AND ended_ms IS NULL AND attempts = $2"""

GIVE_BACK = f"""
UPDATE outgoing_mails SET due_ms = ({NOW}) + $2, attempts = attempts - 1
 WHERE id = ANY($1::uuid[]) AND ended_ms IS NULL"""

DETAILS = """
SELECT r.id::text, r.inventory_id::text, r.status, r.lines, r.customer, r.contact, i.kind,
       e.name, e.starts_at_ms, e.ends_at_ms, e.venue, e.city, e.time_zone, e.currency, e.stage,
       greatest(e.cancel_until_ms, CASE WHEN r.created_ms <= e.moved_ms AND e.postponed_refund_days > 0
         THEN least(e.moved_ms + e.postponed_refund_days * 86400000::bigint, e.starts_at_ms - 1) END)
         AS cancel_until_ms,
       v.address,
       (SELECT json_object_agg(t.code, t.name) FROM ticket_types t WHERE t.inventory_id = i.id) AS types,
       x.terms, x.stage AS restaurant_stage, coalesce(p.reminders, true) AS wants_reminders,
       a.language AS account_language
  FROM reservations r
  JOIN inventories i ON i.id = r.inventory_id
  LEFT JOIN events e ON e.id = i.id
  LEFT JOIN venues v ON v.id = (e.seating ->> 'venue_id')::uuid
  LEFT JOIN restaurants x ON x.id = i.id
  LEFT JOIN mail_preferences p ON p.customer = r.customer
  LEFT JOIN accounts a ON a.customer = r.customer
 WHERE r.id = ANY($1::uuid[])"""

HOLDERS = """
SELECT t.reservation_id::text, t.number, t.generation, t.holder, t.contact, a.language AS account_language,
       coalesce(p.reminders, true) AS wants_reminders
  FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS w(inventory_id, reservation_id, number)
  JOIN tickets t USING (inventory_id, reservation_id, number)
  LEFT JOIN accounts a ON a.customer = t.holder
  LEFT JOIN mail_preferences p ON p.customer = t.holder
 WHERE t.holder <> ''"""

WAITING = f"""
SELECT count(*) AS due, coalesce(({NOW}) - min(created_ms), 0) AS age_ms,
       (SELECT count(*) FROM outgoing_mails WHERE status = 'dead') AS dead
  FROM outgoing_mails WHERE status = 'pending' AND due_ms <= ({NOW})"""


@dataclass(frozen=True)
class TakenMail:
    """One that is this sender's for the time of a lease. `kind` None: written by newer code than this."""

    id: str
    kind: MailKind | None
    recipient: str | None
    language: str | None
    inventory_id: str | None
    reservation_id: str | None
    parameters: dict[str, Json]
    created_ms: int
    until_ms: int | None
    attempts: int
    """This one included."""


class _Who(msgspec.Struct, frozen=True):
    name: str | None = None
    email: str | None = None
    language: str | None = None


class _Contact(_Who, frozen=True):
    """Of an event's reservation it is the customer; of a table's it has one."""

    customer: _Who | None = None


_parameters = msgspec.json.Decoder(dict[str, Any])
_names = msgspec.json.Decoder(dict[str, str])
_contact = msgspec.json.Decoder(_Contact)
_KINDS = {kind.value: kind for kind in MailKind}


class PostgresMailQueue:
    """One connection: a sender does one thing after the other."""

    def __init__(self, database_url: str, limits: Limits | None = None) -> None:
        self._links = Links(database_url, "turnstile mail", limits or Limits(), 1)

    async def take(self, limit: int, lease_ms: int) -> list[TakenMail]:
        """Those that have been due longest; nobody else is given them within the lease."""
        return [_taken(row) for row in await self._links.fetch(TAKE, limit, lease_ms)]

    async def details(self, reservation_ids: Sequence[str]) -> dict[str, Details]:
        """Of those of them that are there."""
        if not reservation_ids:
            return {}
        rows = await self._links.fetch(DETAILS, list(reservation_ids))
        return {row["id"]: details_of(row) for row in rows}

    async def holders(self, tickets: Sequence[tuple[str, str, int]]) -> dict[tuple[str, int], TicketHolder]:
        """By reservation and number, of those (inventory, reservation, number) that were passed on."""
        if not tickets:
            return {}
        rows = await self._links.fetch(HOLDERS, *map(list, zip(*tickets, strict=True)))
        return {(row["reservation_id"], row["number"]): _holder(row) for row in rows}

    async def sent(self, mail_id: str) -> None:
        await self._links.fetch(END, mail_id, "sent")

    async def void(self, mail_id: str) -> None:
        """There is nothing left to say, or nobody to say it to."""
        await self._links.fetch(END, mail_id, "void")

    async def failed(self, mail: TakenMail, pause_ms: int, error: str) -> None:
        """Not now; it is taken again after the pause."""
        await self._links.fetch(FAIL, mail.id, mail.attempts, "pending", short(error), pause_ms)

    async def dead(self, mail: TakenMail, error: str) -> None:
        """Never, unless the operator replays it."""
        await self._links.fetch(FAIL, mail.id, mail.attempts, "dead", short(error), 0)

    async def give_back(self, mail_ids: Sequence[str], pause_ms: int) -> None:
        """Not tried: what was taken is due again after the pause, as if it had not been taken."""
        await self._links.fetch(GIVE_BACK, list(mail_ids), pause_ms)

    async def waiting(self) -> tuple[int, int, int]:
        """How many are due and how many dead, and how old the oldest is that is due, in milliseconds."""
        row = (await self._links.fetch(WAITING))[0]
        return row["due"], row["dead"], row["age_ms"]

    async def now_ms(self) -> int:
        """Store time."""
        return int((await self._links.fetch(NOW))[0][0])

    async def secret(self, name: str) -> bytes:
        """The database's own key of that name. Raises LookupError where the migration made none."""
        rows = await self._links.fetch("SELECT value FROM secrets WHERE name = $1", name)
        if not rows:
            raise LookupError(name)
        return bytes(rows[0]["value"])

    async def close(self) -> None:
        await self._links.close()


def details_of(row: Row) -> Details:
    """What a reservation's rows say of it."""
    contact = _contact.decode(row["contact"]) if row["contact"] else _Contact()
    who = contact.customer or contact
    language = who.language or row["account_language"]
    person: dict[str, Any] = {"email": who.email, "customer_name": who.name, "language": language}
    of_all: dict[str, Any] = {
        "reservation_id": row["id"],
        "inventory_id": row["inventory_id"],
        "status": row["status"],
        "customer": row["customer"],
        "wants_reminders": row["wants_reminders"],
        **person,
    }
    return Details(**of_all, **(_of_event(row) if row["kind"] == "event" else _of_restaurant(row)))


_COPIED = (
    "name",
    "starts_at_ms",
    "ends_at_ms",
    "time_zone",
    "venue",
    "city",
    "currency",
    "cancel_until_ms",
    "address",
)


def _of_event(row: Row) -> dict[str, Any]:
    names = _names.decode(row["types"]) if row["types"] else {}
    return {
        **{name: row[name] for name in _COPIED},
        "what_cancelled": row["stage"] == "cancelled",
        "lines": tuple(
            BookedLine(
                names.get(line.ticket_type, line.ticket_type),
                line.quantity,
                line.unit_price,
                line.seats,
                line.skipped,
            )
            for line in decoded_lines(row["lines"])
        ),
    }


def _of_restaurant(row: Row) -> dict[str, Any]:
    terms, stay = restaurant_terms_of(row["terms"]), decoded_stay(row["lines"])
    numbers = {table.id: table.number for table in terms.tables}
    return {
        "name": terms.name,
        "starts_at_ms": stay.start_ms,
        "ends_at_ms": stay.end_ms,
        "city": terms.city,
        "address": terms.address,
        "phone": terms.phone,
        "time_zone": terms.time_zone,
        "deposit": stay.deposit,
        "currency": stay.currency or None,
        "party_size": stay.party_size,
        "tables": tuple(numbers.get(table, "") for table in stay.tables),
        "what_cancelled": row["restaurant_stage"] == "cancelled",
        "cancel_until_ms": stay.start_ms - terms.cancel_until_minutes * 60_000,
    }


def _holder(row: Row) -> TicketHolder:
    who = _contact.decode(row["contact"]) if row["contact"] else _Contact()
    language = who.language or row["account_language"]
    known = (row["generation"], row["holder"])
    return TicketHolder(*known, who.email, who.name, language, row["wants_reminders"])


def _taken(row: Row) -> TakenMail:
    return TakenMail(
        row["id"],
        _KINDS.get(row["kind"]),
        row["recipient"],
        row["language"],
        row["inventory_id"],
        row["reservation_id"],
        _parameters.decode(row["parameters"]),
        row["created_ms"],
        row["until_ms"],
        row["attempts"],
    )


def short(error: str) -> str:
    return error.replace("\0", "")[:ERROR_MAX_CHARACTERS]
