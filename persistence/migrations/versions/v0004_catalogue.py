"""Events have a city, and are found by words and sorted by name."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from domain.catalogue import name_key
from domain.event_messages import Terms
from persistence.words import tsvector

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FILLED_AT_ONCE_ROWS = 1_000
STATEMENTS = (
    "ALTER TABLE events ADD COLUMN city text",
    "ALTER TABLE events ADD COLUMN name_key text COLLATE \"C\" NOT NULL DEFAULT ''",
    "ALTER TABLE events ADD COLUMN words tsvector NOT NULL DEFAULT ''",
    "ALTER TABLE events ALTER COLUMN name_key DROP DEFAULT, ALTER COLUMN words DROP DEFAULT",
)
INDEXES = (
    "CREATE INDEX events_by_name ON events (name_key, id)",
    "CREATE INDEX events_by_creation ON events (created_ms, id)",
)
PAGE = text("SELECT id, name, venue, description FROM events WHERE id > :after ORDER BY id LIMIT :rows")
FILL = text("UPDATE events SET name_key = :name_key, words = CAST(:words AS tsvector) WHERE id = :id")


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    connection = op.get_bind()
    after = "00000000-0000-0000-0000-000000000000"
    while rows := connection.execute(PAGE, {"after": after, "rows": FILLED_AT_ONCE_ROWS}).all():
        connection.execute(FILL, [_found_by(row.id, row.name, row.venue, row.description) for row in rows])
        after = rows[-1].id
    for statement in INDEXES:
        op.execute(statement)


def _found_by(event_id: str, name: str, venue: str | None, description: str | None) -> dict[str, str]:
    terms = Terms(name, 0, "", (), venue=venue, description=description)
    return {"id": event_id, "name_key": name_key(name), "words": tsvector(terms)}
