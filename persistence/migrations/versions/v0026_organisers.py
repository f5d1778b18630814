"""Organisers, and what belongs to them."""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE TABLE organisers (id uuid PRIMARY KEY, name text NOT NULL, created_ms bigint NOT NULL)",
    # Whoever was named before there was such a relation is there too.
    """
    INSERT INTO organisers (id, name, created_ms)
    SELECT organiser_id, 'Organiser', min(created_ms) FROM accounts
     WHERE organiser_id IS NOT NULL GROUP BY organiser_id
    """,
    """
    CREATE INDEX accounts_of_organiser ON accounts (organiser_id, id) WHERE organiser_id IS NOT NULL
    """,
    "ALTER TABLE events ADD COLUMN organiser_id text",
    "ALTER TABLE restaurants ADD COLUMN organiser_id text",
    "ALTER TABLE venues ADD COLUMN organiser_id text",
    """
    CREATE INDEX events_of_organiser ON events (organiser_id, starts_at_ms, id)
     WHERE organiser_id IS NOT NULL
    """,
    """
    CREATE INDEX restaurants_of_organiser ON restaurants (organiser_id, name_key, id)
     WHERE organiser_id IS NOT NULL
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
