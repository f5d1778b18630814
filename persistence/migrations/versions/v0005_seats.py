"""Seats: plans of venues, the seats of live reservations, and what an event has of both."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE plans (
        id uuid PRIMARY KEY,
        venue_id uuid NOT NULL,
        number integer NOT NULL,
        seats integer NOT NULL,
        categories json NOT NULL,
        plan bytea NOT NULL,
        created_ms bigint NOT NULL,
        CONSTRAINT plans_number UNIQUE (venue_id, number)
    )
    """,
    """
    CREATE TABLE live_seats (
        inventory_id uuid NOT NULL,
        seat integer NOT NULL,
        reservation_id uuid NOT NULL,
        PRIMARY KEY (inventory_id, seat)
    ) WITH (fillfactor = 85)
    """,
    "ALTER TABLE events ADD COLUMN seating json, ADD COLUMN blocked json NOT NULL DEFAULT '[]'",
    "ALTER TABLE events ALTER COLUMN blocked DROP DEFAULT",
    """
    ALTER TABLE ticket_types
        ADD COLUMN categories json NOT NULL DEFAULT '[]', ADD COLUMN seats_left integer
    """,
    "ALTER TABLE ticket_types ALTER COLUMN categories DROP DEFAULT",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
