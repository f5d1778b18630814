"""No two events of one venue at one time."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE events ADD COLUMN during numrange",
    "ALTER TABLE events ADD CONSTRAINT events_apart EXCLUDE USING gist (during WITH &&)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
