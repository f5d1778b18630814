"""Restaurants are found by words and by the days on which they open, and sorted by name or creation."""

from __future__ import annotations

import msgspec
from alembic import op
from sqlalchemy import text

from domain.catalogue import name_key, open_days
from domain.restaurant_messages import RestaurantTerms
from persistence.append_restaurant import array_of
from persistence.words import tsvector

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

FILLED_AT_ONCE_ROWS = 1_000
STATEMENTS = (
    """
    ALTER TABLE restaurants
        ADD COLUMN name_key text COLLATE "C" NOT NULL DEFAULT '',
        ADD COLUMN words tsvector NOT NULL DEFAULT '',
        ADD COLUMN weekdays smallint NOT NULL DEFAULT 0,
        ADD COLUMN special_open integer[] NOT NULL DEFAULT '{}',
        ADD COLUMN special_closed integer[] NOT NULL DEFAULT '{}'
    """,
    """
    ALTER TABLE restaurants
        ALTER COLUMN name_key DROP DEFAULT,
        ALTER COLUMN words DROP DEFAULT,
        ALTER COLUMN weekdays DROP DEFAULT,
        ALTER COLUMN special_open DROP DEFAULT,
        ALTER COLUMN special_closed DROP DEFAULT
    """,
)
INDEXES = (
    "DROP INDEX restaurants_by_name",
    "CREATE INDEX restaurants_by_name ON restaurants (name_key, id)",
    "CREATE INDEX restaurants_by_creation ON restaurants (created_ms, id)",
)
PAGE = text("SELECT id, CAST(terms AS text) FROM restaurants WHERE id > :after ORDER BY id LIMIT :rows")
FILL = text("""
UPDATE restaurants
   SET name_key = :name_key, words = CAST(:words AS tsvector), weekdays = :weekdays,
       special_open = CAST(CAST(:special_open AS text) AS integer[]),
       special_closed = CAST(CAST(:special_closed AS text) AS integer[])
 WHERE id = :id""")


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    connection = op.get_bind()
    after = "00000000-0000-0000-0000-000000000000"
    while rows := connection.execute(PAGE, {"after": after, "rows": FILLED_AT_ONCE_ROWS}).all():
        connection.execute(FILL, [_found_by(row.id, row.terms) for row in rows])
        after = rows[-1].id
    for statement in INDEXES:
        op.execute(statement)


def _found_by(restaurant_id: str, encoded: str) -> dict[str, object]:
    terms = msgspec.json.decode(encoded, type=RestaurantTerms)
    days = open_days(terms)
    return {
        "id": restaurant_id,
        "name_key": name_key(terms.name),
        "words": tsvector(terms),
        "weekdays": days.weekdays,
        "special_open": array_of(days.special_open),
        "special_closed": array_of(days.special_closed),
    }
