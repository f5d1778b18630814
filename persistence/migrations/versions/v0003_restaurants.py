"""Restaurants: their rows, the times of their tables, their guests, and the states a stay can be in."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE restaurants (
        id uuid PRIMARY KEY CONSTRAINT restaurants_inventory REFERENCES inventories (id),
        version integer NOT NULL,
        paused boolean NOT NULL,
        created_ms bigint NOT NULL,
        name text NOT NULL,
        city text,
        terms json NOT NULL
    )
    """,
    "CREATE INDEX restaurants_by_name ON restaurants (name, id)",
    """
    CREATE TABLE table_times (
        reservation_id uuid NOT NULL,
        table_id uuid NOT NULL,
        during numrange NOT NULL,
        PRIMARY KEY (reservation_id, table_id),
        CONSTRAINT table_times_apart EXCLUDE USING gist (during WITH &&) DEFERRABLE INITIALLY DEFERRED
    )
    """,
    """
    CREATE TABLE guests (
        inventory_id uuid NOT NULL CONSTRAINT guests_inventory REFERENCES inventories (id),
        customer bytea NOT NULL,
        visits integer NOT NULL,
        cancellations integer NOT NULL,
        no_shows integer NOT NULL,
        PRIMARY KEY (inventory_id, customer)
    )
    """,
    "ALTER TABLE reservations DROP CONSTRAINT reservations_status",
    """
    ALTER TABLE reservations ADD CONSTRAINT reservations_status CHECK (
        CASE WHEN live THEN status IN ('held', 'confirmed', 'seated')
        ELSE status IN ('released', 'expired', 'cancelled', 'completed', 'no_show') END)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
