"""The entity diagram of docs/ARCHITECTURE.md, from the schema; `python -m persistence.diagram` prints it."""

from __future__ import annotations

from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect

from persistence.schema import metadata

DIALECT: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
LINKS = (
    ("inventories", "||--o|", "events", "is"),
    ("inventories", "||--o{", "ticket_types", "sells"),
    ("inventories", "||--o|", "restaurants", "is"),
    ("inventories", "||--o{", "diners", "finds"),
    ("restaurants", "||--o{", "images", "is shown by"),
    ("inventories", "||--o{", "guests", "knows"),
    ("inventories", "||--o{", "diners", "finds"),
    ("inventories", "||--o{", "reservations", "holds"),
    ("reservations", "||--o{", "table_times", "takes"),
    ("reservations", "||--o{", "paid_ends", "ends as"),
    ("reservations", "||--o{", "payments", "is paid by"),
    ("payments", "||--o{", "payment_steps", "went through"),
    ("payments", "||--o{", "refunds", "goes back in"),
    ("payments", "||--o{", "webhook_events", "is told of in"),
    ("payments", "||--o{", "sandbox_charges", "may be"),
    ("refunds", "||--o{", "sandbox_refunds", "may be"),
    ("ledger_accounts", "||--o{", "ledger_movements", "gives and takes"),
    ("payments", "||--o{", "ledger_movements", "may be"),
    ("inventories", "||--o{", "live_seats", "seats"),
    ("reservations", "||--o{", "tickets", "lets in by"),
    ("venues", "||--o{", "plans", "is laid out by"),
    ("inventories", "||--o{", "requests", "has done"),
    ("inventories", "||--o{", "submissions", "is asked for in"),
    ("inventories", "||--o{", "journal", "remembers"),
    ("inventories", "||--o|", "outbox_positions", "has been read up to"),
    ("reservations", "||--o{", "outgoing_mails", "is told of in"),
    ("inventories", "|o--o{", "webhook_endpoints", "is told of at"),
    ("webhook_endpoints", "||--o{", "webhook_deliveries", "is told by"),
    ("organisers", "|o--o{", "events", "has"),
    ("organisers", "|o--o{", "restaurants", "has"),
    ("organisers", "|o--o{", "venues", "has"),
    ("organisers", "|o--o{", "accounts", "is acted for by"),
    ("organisers", "|o--o{", "machine_tokens", "is acted for by"),
    ("accounts", "||--o{", "sessions", "is logged in by"),
    ("accounts", "|o--o{", "one_time_tokens", "is confirmed by"),
)
"""Drawn as they are meant; most are no foreign keys, because the fence has proved the inventory already."""


def entity_diagram() -> str:
    """Mermaid's `erDiagram`, with a block for each relation."""
    lines = ["```mermaid", "erDiagram"]
    lines += [f'    {one} {how} {other} : "{says}"' for one, how, other, says in LINKS]
    for relation in metadata.sorted_tables:
        lines += _entity(relation)
    return "\n".join([*lines, "```"])


def _entity(relation: Table) -> list[str]:
    columns = [f"        {_type(column)} {column.name}{_mark(column)}" for column in relation.columns]
    return [f"    {relation.name} {{", *columns, "    }"]


def _type(column: Column[object]) -> str:
    return column.type.compile(dialect=DIALECT).lower().partition(" collate")[0]


def _mark(column: Column[object]) -> str:
    return " PK" if column.primary_key else ""


if __name__ == "__main__":
    print(entity_diagram())
