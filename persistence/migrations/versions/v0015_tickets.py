"""Tickets of which something has happened, and the key that their codes are made with."""

from __future__ import annotations

import secrets

from alembic import op
from sqlalchemy import LargeBinary, Text, column
from sqlalchemy import table as table_clause

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE tickets (
        inventory_id uuid NOT NULL,
        reservation_id uuid NOT NULL,
        number integer NOT NULL,
        generation smallint NOT NULL,
        holder bytea NOT NULL,
        contact bytea NOT NULL,
        entered_ms bigint,
        entered_by text,
        gate text,
        device text,
        PRIMARY KEY (inventory_id, reservation_id, number),
        CONSTRAINT tickets_entry CHECK ((entered_ms IS NULL) = (entered_by IS NULL))
    ) WITH (fillfactor = 85)
    """,
    """
    ALTER TABLE reservations DROP CONSTRAINT reservations_status, ADD CONSTRAINT reservations_status CHECK (
        CASE WHEN live THEN status IN ('held', 'confirmed', 'checked_in', 'seated')
             ELSE status IN ('released', 'expired', 'cancelled', 'completed', 'no_show') END)
    """,
)

KEY = "ticket_key"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    table = table_clause("secrets", column("name", Text), column("value", LargeBinary))
    op.bulk_insert(table, [{"name": KEY, "value": secrets.token_bytes(32)}])
