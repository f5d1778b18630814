"""The staff's list of a day finds stays by when they begin."""

from __future__ import annotations

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX reservations_by_start ON reservations (inventory_id, ((lines ->> 'start_ms')::bigint))
         WHERE ((lines ->> 'start_ms')::bigint) IS NOT NULL
        """
    )
