"""Venues, whose plans there are already."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENT = """
    CREATE TABLE venues (
        id uuid PRIMARY KEY,
        version integer NOT NULL,
        created_ms bigint NOT NULL,
        removed_ms bigint,
        name text NOT NULL,
        city text NOT NULL,
        address text
    )
    """


def upgrade() -> None:
    op.execute(STATEMENT)
