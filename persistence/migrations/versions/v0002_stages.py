"""Events have a stage, one reservation per customer as a policy, and a rule for lists; live reservations are
counted. What there is already is published."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE events
        ADD COLUMN stage text NOT NULL DEFAULT 'published',
        ADD COLUMN one_per_customer boolean NOT NULL DEFAULT false,
        ADD COLUMN listed text NOT NULL DEFAULT 'always'
    """,
    """
    ALTER TABLE events
        ALTER COLUMN stage DROP DEFAULT,
        ALTER COLUMN one_per_customer DROP DEFAULT,
        ALTER COLUMN listed DROP DEFAULT
    """,
    "ALTER TABLE inventories ADD COLUMN live_reservations integer NOT NULL DEFAULT 0",
    "ALTER TABLE inventories ALTER COLUMN live_reservations DROP DEFAULT",
    """
    UPDATE inventories i SET live_reservations = l.reservations
      FROM (SELECT inventory_id, count(*) AS reservations FROM reservations WHERE live GROUP BY 1) l
     WHERE l.inventory_id = i.id
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
