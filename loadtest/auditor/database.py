"""The only SQL of the load tests: reads, in pages, on a connection that PostgreSQL itself keeps read-only.

Plain iterators come out, so the checks need no database. One inventory's rows are read in one snapshot,
which is open for as long as they are few; the journal, which never changes, is read before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

import asyncpg
import msgspec

from domain.restaurant_messages import RestaurantTerms
from loadtest.auditor.dining_rows import GuestRow, RestaurantRow, StayRow, TimeRow
from loadtest.auditor.fold import JournalRow
from loadtest.auditor.money import ChargeRow, LedgerRow, PaymentRow, PurchaseRow
from loadtest.auditor.requests import RequestRow
from loadtest.auditor.rows import TERMS_COLUMNS, EventRow, InventoryRow, ReservationRow, TypeRow
from loadtest.auditor.submissions import SubmissionRow
from loadtest.auditor.sums import MINUTE_MS, SoldRow
from loadtest.auditor.tickets import TicketRow
from loadtest.record import Lines, now_us

JOURNAL_PAGE_ROWS = 200
RESERVATIONS_PAGE_ROWS = 5_000
REQUESTS_PAGE_ROWS = 20_000
INVENTORIES_PAGE_ROWS = 1_000
STATEMENT_TIMEOUT_S = 60
CONNECT_TIMEOUT_S = 10
CLOSE_TIMEOUT_S = 5
CONNECT_ATTEMPTS_MAX = 30
CONNECT_PAUSE_S = 1.0
CLOCK_LOOKS = 5
FIRST_ID = "00000000-0000-0000-0000-000000000000"
NOW_MS = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

INVENTORIES = "SELECT id::text FROM inventories WHERE id > $1 ORDER BY id LIMIT $2"
KIND = "SELECT kind FROM inventories WHERE id = $1"
JOURNAL = "SELECT seq, at_ms, facts FROM journal WHERE inventory_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"
INVENTORY = f"""
SELECT id::text, seq, live, live_reservations, capacity, next_due_ms, last_fact_ms, {NOW_MS} AS at_ms
  FROM inventories WHERE id = $1"""
EVENT = f"""
SELECT version, paused, stage, deleted, created_ms, {", ".join(TERMS_COLUMNS)}
  FROM events WHERE id = $1"""
TYPES = """
SELECT code, name, quota, price, max_per_order, held, confirmed
  FROM ticket_types WHERE inventory_id = $1 ORDER BY position"""
RESERVATIONS = """
SELECT id::text, status, live, expires_ms, lines::text, customer, extensions, created_ms, contact,
       payment_id::text, hold_ends_ms, kept
  FROM reservations WHERE inventory_id = $1 AND id > $2 ORDER BY id LIMIT $3"""
SOLD = f"""
SELECT line ->> 0 AS code, minute, sum(times * (line ->> 1)::bigint)::bigint AS tickets,
       sum(times * (line ->> 1)::bigint * (line ->> 2)::numeric)::text AS revenue
  FROM (SELECT updated_ms / {MINUTE_MS} AS minute, lines::text AS taken, count(*) AS times FROM reservations
         WHERE inventory_id = $1 AND live AND status IN ('confirmed', 'checked_in') GROUP BY 1, 2) of,
       json_array_elements(taken::json) AS line
 GROUP BY 1, 2"""
RESTAURANT = """
SELECT version, paused, stage, deleted, created_ms, name, city, terms::text FROM restaurants WHERE id = $1"""
TABLE_TIMES = """
SELECT t.reservation_id::text, t.table_id, lower(t.during) AS since, upper(t.during) AS until
  FROM table_times t JOIN reservations r ON r.id = t.reservation_id WHERE r.inventory_id = $1"""
GUESTS = "SELECT customer, visits, cancellations, no_shows FROM guests WHERE inventory_id = $1"
REQUESTS = """
SELECT r.request_id, r.reply, EXISTS (
         SELECT FROM submissions s WHERE s.request_id = r.request_id AND s.inventory_id = r.scope
            AND s.rejection = r.reply) AS of_rejected
  FROM requests r WHERE r.scope = $1 AND r.request_id > $2 ORDER BY r.request_id LIMIT $3"""
SUBMISSIONS = """
SELECT s.id::text, s.status, s.reservation_id::text,
       coalesce(r.fingerprint = s.fingerprint AND r.reply <> s.rejection, false) AS had_effect
  FROM submissions s LEFT JOIN requests r ON r.request_id = s.request_id AND r.scope = s.inventory_id
 WHERE s.inventory_id = $1"""
LIVE_SEATS = "SELECT reservation_id::text, count(*) FROM live_seats WHERE inventory_id = $1 GROUP BY 1"
TICKETS = """
SELECT reservation_id::text, number, generation, holder, entered_ms, entered_by, gate, device
  FROM tickets WHERE inventory_id = $1"""
PAYMENTS = """
WITH moved AS MATERIALIZED (
  SELECT payment_id, coalesce(sum(amount) FILTER (WHERE kind = 'pay'), 0) AS taken,
         coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0) AS back
    FROM ledger_movements WHERE payment_id IS NOT NULL GROUP BY 1),
returned AS MATERIALIZED (
  SELECT split_part(key, ':', 1) AS payment, sum(amount) AS back FROM sandbox_refunds GROUP BY 1),
charged AS MATERIALIZED (
  SELECT p.id, p.amount, coalesce(m.taken, 0)
         + coalesce((SELECT c.amount FROM sandbox_charges c WHERE c.key = p.id::text || ':charge'
                        AND (c.state = 'captured' OR c.state = 'working' AND p.captured)), 0)
         + CASE WHEN p.provider = 'stripe' AND p.captured THEN p.amount ELSE 0 END AS taken
    FROM payments p LEFT JOIN moved m ON m.payment_id = p.id WHERE p.whole_id IS NULL)
SELECT p.id::text, p.reservation_id::text, p.standing, p.captured, p.amount, p.promised, p.refunded,
       CASE WHEN p.whole_id IS NOT NULL AND c.taken = c.amount THEN p.amount ELSE c.taken END::bigint
         AS taken,
       (coalesce(s.back, 0) + coalesce(m.back, 0)
        + CASE WHEN p.provider = 'stripe' THEN p.refunded ELSE 0 END)::bigint AS back,
       (SELECT coalesce(sum(f.amount), 0) FROM refunds f
         WHERE f.payment_id = p.id AND f.reason IN ('concession', 'operator')
           AND f.step = 'done')::bigint AS conceded,
       (p.wake_ms IS NOT NULL OR p.step <> 'done'
        OR EXISTS (SELECT FROM refunds f
                    WHERE f.payment_id = p.id AND f.wake_ms IS NOT NULL AND f.step <> 'done')
        OR EXISTS (SELECT FROM paid_ends e WHERE e.payment_id = p.id)) AS waiting
  FROM payments p JOIN charged c ON c.id = coalesce(p.whole_id, p.id)
  LEFT JOIN moved m ON m.payment_id = p.id LEFT JOIN returned s ON s.payment = p.id::text
 WHERE p.inventory_id = $1"""
PURCHASES = """
SELECT w.id::text, json_array_length(w.parts) AS parts, count(*) FILTER (WHERE p.captured) AS captured,
       count(*) FILTER (WHERE p.captured AND EXISTS (
         SELECT FROM refunds f WHERE f.payment_id = p.id AND f.reason = 'late')) AS undone,
       count(*) FILTER (WHERE EXISTS (
         SELECT FROM tickets t WHERE t.reservation_id = p.reservation_id)) AS used
  FROM payments w JOIN payments p ON p.whole_id = w.id WHERE w.parts IS NOT NULL AND w.step = 'done'
 GROUP BY w.id"""
CHARGES = """
SELECT p.id::text, p.standing, CASE WHEN p.captured THEN p.amount ELSE 0 END AS amount, p.refunded,
       coalesce((SELECT c.amount FROM sandbox_charges c WHERE c.key = p.id::text || ':charge'
                    AND (c.state = 'captured' OR c.state = 'working' AND p.captured)), 0)::bigint AS taken,
       (SELECT coalesce(sum(s.amount), 0) FROM sandbox_refunds s
         WHERE split_part(s.key, ':', 1) = p.id::text)::bigint AS back,
       (SELECT coalesce(sum(m.amount), 0) FROM ledger_movements m
         WHERE m.payment_id = p.id AND m.kind = 'charge')::bigint AS given,
       (SELECT coalesce(sum(m.amount), 0) FROM ledger_movements m
         WHERE m.payment_id = p.id AND m.kind = 'withdraw')::bigint AS withdrawn
  FROM payments p WHERE p.wallet IS NOT NULL AND NOT p.pays_out AND p.wake_ms IS NULL
   AND NOT EXISTS (SELECT FROM refunds f
                    WHERE f.payment_id = p.id AND f.wake_ms IS NOT NULL AND f.step <> 'done')
UNION ALL
SELECT p.id::text, p.standing, CASE WHEN p.standing = 'paid_out' THEN p.amount ELSE 0 END, 0,
       coalesce((SELECT c.amount FROM sandbox_charges c WHERE c.key = p.id::text || ':pay_out'
                    AND (c.state = 'captured'
                         OR c.state = 'working' AND p.standing = 'paid_out')), 0)::bigint,
       0, (SELECT coalesce(sum(CASE m.kind WHEN 'withdraw' THEN m.amount ELSE -m.amount END), 0)
             FROM ledger_movements m WHERE m.payment_id = p.id)::bigint, 0
  FROM payments p WHERE p.pays_out AND p.wake_ms IS NULL"""
"""A payout is one the other way round: `taken` is what was paid out, `given` what has left the wallet."""
LEDGER = """
SELECT (SELECT count(*) FROM ledger_movements) AS movements,
       (SELECT coalesce(sum(amount), 0) FROM ledger_entries)::bigint AS total,
       (SELECT count(*) FROM ledger_accounts a
         WHERE a.kind = 'wallet' AND (a.balance < 0 OR a.balance <>
               (SELECT coalesce(sum(e.amount), 0) FROM ledger_entries e WHERE e.account_id = a.id)))
         AS wrong_wallets"""
STILL_HELD = """
SELECT count(*) FROM reservations WHERE inventory_id = $1 AND live AND status IN ('held', 'paying')"""

Result = TypeVar("Result")
TABLE_SHIFT_BITS = 48
"""A table's time is one number: the table's id, so many bits to the left, plus milliseconds."""
_terms = msgspec.json.Decoder(RestaurantTerms)
_what = msgspec.json.Decoder(dict[str, Any])


class _Line(msgspec.Struct, array_like=True, frozen=True):
    code: str
    quantity: int
    unit_price: int
    seats: tuple[str, ...] = ()


_lines = msgspec.json.Decoder(list[_Line])


class _Contact(msgspec.Struct):
    email: str | None = None


_contact = msgspec.json.Decoder(_Contact)


class Database:
    """One connection, with a loop of its own: in an asyncio program, use it from a thread."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._shared: dict[Lines, Lines] = {}
        try:
            self._connection: asyncpg.Connection[asyncpg.Record] = self._run(_connect(url))
        except BaseException:
            self._loop.close()
            raise

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._run(_close(self._connection))
        finally:
            self._loop.close()

    def clock_ahead_ms(self) -> int:
        """How far store time is ahead of this machine's clock: the look with the quickest answer says."""
        looks = []
        for _ in range(CLOCK_LOOKS):
            before_us = now_us()
            store_ms = self._fetch(f"SELECT {NOW_MS} AS at_ms")[0]["at_ms"]
            after_us = now_us()
            looks.append((after_us - before_us, store_ms - (before_us + after_us) // 2000))
        return int(min(looks)[1])

    def inventories(self) -> Iterator[str]:
        after = FIRST_ID
        while page := self._fetch(INVENTORIES, after, INVENTORIES_PAGE_ROWS):
            for row in page:
                yield row["id"]
            after = page[-1]["id"]

    def kind(self, inventory_id: str) -> str:
        rows = self._fetch(KIND, inventory_id)
        return rows[0]["kind"] if rows else "event"

    def journal(self, inventory_id: str, after_seq: int) -> Iterator[JournalRow]:
        while page := self._fetch(JOURNAL, inventory_id, after_seq, JOURNAL_PAGE_ROWS):
            for row in page:
                yield JournalRow(row["seq"], row["at_ms"], row["facts"])
            after_seq = page[-1]["seq"]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read inside is of one moment."""
        transaction = self._connection.transaction(isolation="repeatable_read", readonly=True)
        self._run(transaction.start())
        try:
            yield
        finally:
            self._run(transaction.rollback())

    def inventory(self, inventory_id: str) -> InventoryRow | None:
        rows = self._fetch(INVENTORY, inventory_id)
        return InventoryRow(**rows[0]) if rows else None

    def event(self, inventory_id: str) -> EventRow | None:
        rows = self._fetch(EVENT, inventory_id)
        if not rows:
            return None
        columns = dict(rows[0])
        terms = {name: columns.pop(name) for name in TERMS_COLUMNS}
        return EventRow(**columns, terms=terms)

    def ticket_types(self, inventory_id: str) -> list[TypeRow]:
        return [TypeRow(**row) for row in self._fetch(TYPES, inventory_id)]

    def reservations(self, inventory_id: str) -> Iterator[ReservationRow]:
        after = FIRST_ID
        while page := self._fetch(RESERVATIONS, inventory_id, after, RESERVATIONS_PAGE_ROWS):
            for row in page:
                columns = dict(row)
                contact = columns.pop("contact")
                wanted = _lines.decode(columns.pop("lines"))
                lines = self._shared_lines(wanted)
                seats = tuple(name for line in wanted for name in line.seats)
                email = _contact.decode(contact).email if contact else None
                yield ReservationRow(**columns, lines=lines, email=email, seats=seats)
            after = page[-1]["id"]

    def sold(self, inventory_id: str) -> list[SoldRow]:
        rows = self._fetch(SOLD, inventory_id)
        return [SoldRow(row["code"], row["minute"], row["tickets"], int(row["revenue"])) for row in rows]

    def restaurant(self, inventory_id: str) -> RestaurantRow | None:
        rows = self._fetch(RESTAURANT, inventory_id)
        if not rows:
            return None
        columns = dict(rows[0])
        return RestaurantRow(**columns | {"terms": _terms.decode(columns["terms"])})

    def stays(self, inventory_id: str) -> Iterator[StayRow]:
        after = FIRST_ID
        while page := self._fetch(RESERVATIONS, inventory_id, after, RESERVATIONS_PAGE_ROWS):
            for row in page:
                columns = dict(row)
                what = _what.decode(columns.pop("lines"))
                del columns["contact"]
                yield StayRow(**columns, what=what)
            after = page[-1]["id"]

    def table_times(self, inventory_id: str) -> Iterator[TimeRow]:
        for row in self._fetch(TABLE_TIMES, inventory_id):
            base = row["table_id"].int << TABLE_SHIFT_BITS
            since, until = int(row["since"]) - base, int(row["until"]) - base
            yield TimeRow(row["reservation_id"], str(row["table_id"]), since, until)

    def guests(self, inventory_id: str) -> Iterator[GuestRow]:
        for row in self._fetch(GUESTS, inventory_id):
            yield GuestRow(**row)

    def requests(self, inventory_id: str) -> Iterator[RequestRow]:
        after = b""
        while page := self._fetch(REQUESTS, inventory_id, after, REQUESTS_PAGE_ROWS):
            for row in page:
                yield RequestRow(**row)
            after = page[-1]["request_id"]

    def submissions(self, inventory_id: str) -> Iterator[SubmissionRow]:
        for row in self._fetch(SUBMISSIONS, inventory_id):
            yield SubmissionRow(**row)

    def tickets(self, inventory_id: str) -> Iterator[TicketRow]:
        for row in self._fetch(TICKETS, inventory_id):
            yield TicketRow(**row)

    def still_held(self, inventory_id: str) -> int:
        return int(self._fetch(STILL_HELD, inventory_id)[0]["count"])

    def payments(self, inventory_id: str) -> list[PaymentRow]:
        return [PaymentRow(**row) for row in self._fetch(PAYMENTS, inventory_id)]

    def purchases(self) -> list[PurchaseRow]:
        return [PurchaseRow(**row) for row in self._fetch(PURCHASES)]

    def charges(self) -> list[ChargeRow]:
        return [ChargeRow(**row) for row in self._fetch(CHARGES)]

    def ledger(self) -> LedgerRow:
        return LedgerRow(**self._fetch(LEDGER)[0])

    def live_seats(self, inventory_id: str) -> dict[str, int]:
        return dict(self._fetch(LIVE_SEATS, inventory_id))

    def _shared_lines(self, wanted: list[_Line]) -> Lines:
        lines = tuple((line.code, line.quantity, line.unit_price) for line in wanted)
        return self._shared.setdefault(lines, lines)

    def _fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        return self._run(self._connection.fetch(sql, *arguments))

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._loop.run_until_complete(work)


async def _close(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """In bounded time, also when PostgreSQL has gone."""
    try:
        await connection.close(timeout=CLOSE_TIMEOUT_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
        await asyncio.sleep(0)


async def _connect(url: str) -> asyncpg.Connection[asyncpg.Record]:
    """After a fault PostgreSQL may still be recovering, so it is tried for a while."""
    settings = {"default_transaction_read_only": "on", "application_name": "turnstile auditor"}
    for attempt in range(CONNECT_ATTEMPTS_MAX):
        try:
            return await asyncpg.connect(
                url, server_settings=settings, timeout=CONNECT_TIMEOUT_S, command_timeout=STATEMENT_TIMEOUT_S
            )
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
            if attempt == CONNECT_ATTEMPTS_MAX - 1:
                raise
            await asyncio.sleep(CONNECT_PAUSE_S)
    raise AssertionError("unreachable")
