"""Tokens of programs."""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE machine_tokens (
        id uuid PRIMARY KEY,
        organiser_id uuid,
        name text NOT NULL,
        scopes text[] NOT NULL,
        secret_hash bytea NOT NULL,
        made_by text NOT NULL,
        created_ms bigint NOT NULL,
        expires_ms bigint NOT NULL,
        revoked_ms bigint
    )
    """,
    "CREATE INDEX machine_tokens_of_organiser ON machine_tokens (organiser_id, id)",
    "CREATE INDEX machine_tokens_serving ON machine_tokens (expires_ms) WHERE revoked_ms IS NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
