"""Payments that pay out of a wallet: why, and by whom they were asked for."""

from __future__ import annotations

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE payments ADD COLUMN pays_out boolean NOT NULL DEFAULT false",
    "ALTER TABLE payments ALTER COLUMN pays_out DROP DEFAULT",
    "ALTER TABLE payments ADD COLUMN reason text",
    "ALTER TABLE payments ADD COLUMN done_by text",
    "ALTER TABLE payments ADD CONSTRAINT payments_out CHECK (NOT pays_out OR wallet IS NOT NULL)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
