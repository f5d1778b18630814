"""Payments that charge a wallet."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE payments ADD COLUMN wallet text",
    "ALTER TABLE payments DROP CONSTRAINT payments_for",
    """
    ALTER TABLE payments ADD CONSTRAINT payments_for CHECK (
        (inventory_id IS NULL) = (reservation_id IS NULL) AND num_nonnulls(reservation_id, parts, wallet) = 1
        AND (whole_id IS NULL OR reservation_id IS NOT NULL))
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
