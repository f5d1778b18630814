"""A restaurant's reservations are found by the keys of who made them."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE diners (
        inventory_id uuid NOT NULL,
        key bytea NOT NULL,
        reservation_id uuid NOT NULL,
        CONSTRAINT diners_pkey PRIMARY KEY (inventory_id, key, reservation_id)
    )
    """,
    """
    INSERT INTO diners (inventory_id, key, reservation_id)
    SELECT r.inventory_id, r.customer, r.id
      FROM reservations r JOIN restaurants h ON h.id = r.inventory_id WHERE r.customer <> ''
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
