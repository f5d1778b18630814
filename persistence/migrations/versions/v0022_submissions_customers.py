"""Whose a submission is: an account may look at its own without a token. Of those from before, nobody's."""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE submissions ADD COLUMN customer bytea NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE submissions ALTER COLUMN customer DROP DEFAULT")
