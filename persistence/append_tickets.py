"""What an append writes of an event's tickets: a row for each of which something has happened.

The first thing that happens to a ticket inserts its row and what takes the last of it back deletes it, so two
owners that each let in the same ordinary ticket cannot both commit: the primary key refuses the second.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

from domain.event_tickets import TicketMove
from domain.ticket_messages import ORDINARY
from persistence.append_columns import Columns, Numbered, Part, once, rows_of

_ROW = {
    "generation": "smallint",
    "holder": "bytea",
    "contact": "bytea",
    "entered_ms": "bigint",
    "entered_by": "text",
    "gate": "text",
    "device": "text",
}
_TYPED = " ".join(f"{name}:{sql_type}" for name, sql_type in _ROW.items())
_TICKETS = rows_of(f"n:bigint* reservation_id:uuid number:int {_TYPED}", "t")
_GIVEN = ", ".join(f"t.{name}" for name in _ROW)
_NAMES = ", ".join(_ROW)
_MOVED = f"(SELECT f.id AS inventory_id, t.* FROM fence f JOIN {_TICKETS} ON t.n = f.n OFFSET 0) AS t"
_SAME = "k.inventory_id = t.inventory_id AND k.reservation_id = t.reservation_id AND k.number = t.number"
_SET = ", ".join(f"{name} = t.{name}" for name in _ROW if name != "contact")
_SET += ", contact = coalesce(t.contact, k.contact)"
"""Whom it was passed on to is written then and not again: the contact may have been erased meanwhile."""
TICKETED = f"""
ticketed AS (
  INSERT INTO tickets (inventory_id, reservation_id, number, {_NAMES})
  SELECT t.inventory_id, t.reservation_id, t.number, {_GIVEN.replace("t.contact", "coalesce(t.contact, '')")}
    FROM {_MOVED})"""
RETICKETED = f"""
reticketed AS (
  UPDATE tickets k SET {_SET} FROM {_MOVED} WHERE {_SAME})"""
UNTICKETED = f"""
unticketed AS (DELETE FROM tickets k USING {_MOVED} WHERE {_SAME})"""


def ticket_parts(entries: Numbered) -> list[Part]:
    """Each ticket is in one of them at most: the three see the snapshot from before."""
    moves = [(n, move) for n, entry in entries for move in entry.tickets]
    if not moves:
        return []
    fresh = [(n, move) for n, move in moves if move.before == ORDINARY]
    gone = [(n, move) for n, move in moves if move.after == ORDINARY]
    other = [(n, move) for n, move in moves if ORDINARY not in (move.before, move.after)]
    return [
        (TICKETED, _columns(fresh)),
        (RETICKETED, _columns(other)),
        (UNTICKETED, _columns(gone)),
    ]


def _columns(moves: list[tuple[int, TicketMove]]) -> Columns | None:
    if not moves:
        return None
    tickets = [move.after for _, move in moves]
    return [
        once([n for n, _ in moves]),
        [move.reservation_id for _, move in moves],
        [move.number for _, move in moves],
        [ticket.generation for ticket in tickets],
        [ticket.holder for ticket in tickets],
        [move.contact for _, move in moves],
        [ticket.entry and ticket.entry.at_ms for ticket in tickets],
        [ticket.entry and ticket.entry.by for ticket in tickets],
        [ticket.entry and ticket.entry.gate for ticket in tickets],
        [ticket.entry and ticket.entry.device for ticket in tickets],
    ]
