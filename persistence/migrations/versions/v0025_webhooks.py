"""Webhooks of providers that were heard, and the secret that the sandbox's are signed with."""

from __future__ import annotations

import secrets

from alembic import op
from sqlalchemy import LargeBinary, Text, column
from sqlalchemy import table as table_clause

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE webhook_events (
        provider text NOT NULL,
        id text NOT NULL,
        payment_id uuid NOT NULL,
        heard_ms bigint NOT NULL,
        PRIMARY KEY (provider, id)
    )
    """,
)
KEY = "sandbox_webhook"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    table = table_clause("secrets", column("name", Text), column("value", LargeBinary))
    op.bulk_insert(table, [{"name": KEY, "value": secrets.token_bytes(32)}])
