"""Events can be deleted: their rows stay, for the reservations that they once had."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE events ADD COLUMN deleted boolean NOT NULL DEFAULT false",
    "ALTER TABLE events ALTER COLUMN deleted DROP DEFAULT",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
