"""Restaurants are drafts, published, closed or cancelled, and can be deleted."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE restaurants ADD COLUMN stage text NOT NULL DEFAULT 'published'",
    "ALTER TABLE restaurants ALTER COLUMN stage DROP DEFAULT",
    "ALTER TABLE restaurants ADD COLUMN deleted boolean NOT NULL DEFAULT false",
    "ALTER TABLE restaurants ALTER COLUMN deleted DROP DEFAULT",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
