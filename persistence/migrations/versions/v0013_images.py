"""Images of restaurants."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE images (
        id uuid PRIMARY KEY,
        restaurant_id uuid NOT NULL,
        place smallint NOT NULL,
        media_type text NOT NULL,
        width integer NOT NULL,
        height integer NOT NULL,
        size_bytes integer NOT NULL,
        created_ms bigint NOT NULL,
        content bytea NOT NULL,
        CONSTRAINT images_place UNIQUE (restaurant_id, place)
    )
    """,
    # What is compressed already is not worth another try.
    "ALTER TABLE images ALTER COLUMN content SET STORAGE EXTERNAL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
