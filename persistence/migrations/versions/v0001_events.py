"""Inventories, events, reservations, requests, the journal, and the database's own keys."""

from __future__ import annotations

import secrets
import uuid

from alembic import op
from sqlalchemy import LargeBinary, Text, column
from sqlalchemy import table as table_clause

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE inventories (
        id uuid PRIMARY KEY,
        kind text NOT NULL,
        owner text NOT NULL,
        epoch bigint NOT NULL,
        claimant uuid,
        seq bigint NOT NULL,
        next_due_ms bigint,
        live integer NOT NULL,
        capacity integer,
        last_fact_ms bigint NOT NULL,
        CONSTRAINT inventories_capacity CHECK (live >= 0 AND live <= capacity)
    ) WITH (fillfactor = 50)
    """,
    "CREATE INDEX inventories_due ON inventories (next_due_ms) WHERE next_due_ms IS NOT NULL",
    """
    CREATE TABLE events (
        id uuid PRIMARY KEY CONSTRAINT events_inventory REFERENCES inventories (id),
        version integer NOT NULL,
        paused boolean NOT NULL,
        created_ms bigint NOT NULL,
        name text NOT NULL,
        starts_at_ms bigint NOT NULL,
        currency text NOT NULL,
        ends_at_ms bigint,
        venue text,
        description text,
        sales_start_ms bigint,
        sales_end_ms bigint,
        hold_duration_s integer NOT NULL,
        max_per_customer bigint,
        cancel_until_ms bigint,
        guests boolean NOT NULL,
        hold_extensions_max integer NOT NULL
    )
    """,
    "CREATE INDEX events_by_start ON events (starts_at_ms, id)",
    """
    CREATE TABLE ticket_types (
        inventory_id uuid NOT NULL CONSTRAINT ticket_types_inventory REFERENCES inventories (id),
        code text NOT NULL,
        position integer NOT NULL,
        name text NOT NULL,
        quota integer NOT NULL,
        price bigint NOT NULL,
        max_per_order bigint,
        held integer NOT NULL,
        confirmed integer NOT NULL,
        PRIMARY KEY (inventory_id, code),
        CONSTRAINT ticket_types_quota CHECK (held >= 0 AND confirmed >= 0 AND held + confirmed <= quota)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE reservations (
        id uuid PRIMARY KEY,
        inventory_id uuid NOT NULL,
        status text NOT NULL,
        live boolean NOT NULL,
        expires_ms bigint NOT NULL,
        lines json NOT NULL,
        customer bytea NOT NULL,
        contact bytea NOT NULL,
        extensions smallint NOT NULL,
        created_ms bigint NOT NULL,
        updated_ms bigint NOT NULL,
        CONSTRAINT reservations_status CHECK (
            CASE WHEN live THEN status IN ('held', 'confirmed')
            ELSE status IN ('released', 'expired', 'cancelled') END)
    ) WITH (fillfactor = 85)
    """,
    "CREATE INDEX reservations_of_inventory ON reservations (inventory_id, live, id)",
    """
    CREATE TABLE requests (
        request_id bytea NOT NULL,
        scope uuid NOT NULL,
        fingerprint bytea NOT NULL,
        reply bytea NOT NULL,
        expires_ms bigint NOT NULL,
        PRIMARY KEY (request_id, scope)
    )
    """,
    """
    CREATE TABLE journal (
        inventory_id uuid NOT NULL,
        seq bigint NOT NULL,
        at_ms bigint NOT NULL,
        facts bytea NOT NULL,
        PRIMARY KEY (inventory_id, seq, at_ms)
    ) PARTITION BY RANGE (at_ms)
    """,
    "CREATE TABLE journal_default PARTITION OF journal DEFAULT",
    "CREATE TABLE secrets (name text PRIMARY KEY, value bytea NOT NULL)",
)

KEYS = ("reservation_token", "customer_key")


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    rows = [{"name": name, "value": secrets.token_bytes(32)} for name in KEYS]
    rows.append({"name": "database_id", "value": uuid.uuid4().bytes})
    table = table_clause("secrets", column("name", Text), column("value", LargeBinary))
    op.bulk_insert(table, rows)
