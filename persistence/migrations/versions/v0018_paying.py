"""Reservations that are being paid, or were, and what was paid for and is cancelled."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE reservations ADD COLUMN payment_id uuid, ADD COLUMN hold_ends_ms bigint",
    """
    ALTER TABLE reservations DROP CONSTRAINT reservations_status,
        ADD CONSTRAINT reservations_status CHECK (
            CASE WHEN live THEN status IN ('held', 'paying', 'confirmed', 'checked_in', 'seated')
                 ELSE status IN ('released', 'expired', 'cancelled', 'completed', 'no_show') END)
    """,
    "ALTER TABLE events ADD COLUMN payment text NOT NULL DEFAULT 'none'",
    "ALTER TABLE events ALTER COLUMN payment DROP DEFAULT",
    """
    CREATE TABLE paid_ends (
        reservation_id uuid NOT NULL,
        payment_id uuid NOT NULL,
        at_ms bigint NOT NULL,
        PRIMARY KEY (reservation_id, payment_id)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
