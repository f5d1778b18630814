"""Webhook endpoints, what is delivered to them, and the key that their secrets are made of."""

from __future__ import annotations

import secrets

from alembic import op
from sqlalchemy import LargeBinary, Text, column
from sqlalchemy import table as table_clause

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE webhook_endpoints (
        id uuid PRIMARY KEY,
        url text NOT NULL,
        kinds json NOT NULL,
        inventory_id uuid,
        organiser_id uuid,
        description text NOT NULL,
        generation integer NOT NULL,
        old_secret_until_ms bigint NOT NULL,
        version integer NOT NULL,
        created_ms bigint NOT NULL,
        removed_ms bigint,
        paused_ms bigint,
        pause_reason text,
        failures integer NOT NULL,
        failing_since_ms bigint
    )
    """,
    """
    CREATE TABLE webhook_deliveries (
        id uuid PRIMARY KEY,
        endpoint_id uuid NOT NULL,
        inventory_id uuid NOT NULL,
        about uuid NOT NULL,
        seq bigint NOT NULL,
        position integer NOT NULL,
        kind text NOT NULL,
        body text NOT NULL,
        status text NOT NULL,
        created_ms bigint NOT NULL,
        due_ms bigint NOT NULL,
        attempts integer NOT NULL,
        answer integer,
        error text,
        ended_ms bigint,
        CONSTRAINT webhook_deliveries_status CHECK (status IN ('pending', 'delivered', 'dead'))
    )
    """,
    """
    CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_ms) WHERE status = 'pending'
    """,
    """
    CREATE INDEX webhook_deliveries_order ON webhook_deliveries (endpoint_id, about, seq, position)
     WHERE status = 'pending'
    """,
    "CREATE INDEX webhook_deliveries_log ON webhook_deliveries (endpoint_id, status, created_ms, id)",
)

KEY = "webhook_key"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    table = table_clause("secrets", column("name", Text), column("value", LargeBinary))
    op.bulk_insert(table, [{"name": KEY, "value": secrets.token_bytes(32)}])
