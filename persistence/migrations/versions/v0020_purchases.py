"""Payments for several reservations at once, each of which is a part."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE payments ALTER COLUMN inventory_id DROP NOT NULL",
    "ALTER TABLE payments ALTER COLUMN reservation_id DROP NOT NULL",
    "ALTER TABLE payments ADD COLUMN parts json",
    "ALTER TABLE payments ADD COLUMN whole_id uuid",
    """
    ALTER TABLE payments ADD CONSTRAINT payments_for CHECK (
        (inventory_id IS NULL) = (reservation_id IS NULL) AND (reservation_id IS NULL) = (parts IS NOT NULL)
        AND (whole_id IS NULL OR parts IS NULL))
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
