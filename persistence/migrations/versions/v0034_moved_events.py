"""No event is moved to another time in a venue that is removed: what had been there is over, and stays so."""

from __future__ import annotations

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TRIGGER events_venue_moved AFTER UPDATE ON events
    FOR EACH ROW WHEN (NEW.during IS DISTINCT FROM OLD.during AND NEW.during IS NOT NULL)
    EXECUTE FUNCTION venue_is_there()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
