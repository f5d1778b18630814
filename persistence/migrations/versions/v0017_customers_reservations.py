"""Reservations are found by their customer, by a relation that is filled behind the sales."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE customers_reservations (
        customer bytea NOT NULL,
        reservation_id uuid NOT NULL,
        CONSTRAINT customers_reservations_pkey PRIMARY KEY (customer, reservation_id)
    )
    """,
    "CREATE TABLE customers_filed (until_id uuid PRIMARY KEY)",
    "INSERT INTO customers_filed VALUES ('00000000-0000-0000-0000-000000000000')",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
