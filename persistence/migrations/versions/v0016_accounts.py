"""Accounts, their sessions and one-time tokens, and the first key of access tokens."""

from __future__ import annotations

import secrets
import time

from alembic import op
from sqlalchemy import LargeBinary, Text, column
from sqlalchemy import table as table_clause

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE accounts (
        id uuid PRIMARY KEY,
        customer bytea NOT NULL,
        email text NOT NULL,
        name text NOT NULL,
        language text NOT NULL,
        role text NOT NULL,
        organiser_id uuid,
        password_hash text,
        version integer NOT NULL,
        created_ms bigint NOT NULL,
        CONSTRAINT accounts_customer UNIQUE (customer),
        CONSTRAINT accounts_role CHECK (
            CASE WHEN role IN ('staff', 'organiser') THEN organiser_id IS NOT NULL
                 ELSE role IN ('customer', 'admin') AND organiser_id IS NULL END)
    )
    """,
    """
    CREATE TABLE sessions (
        id uuid PRIMARY KEY,
        account_id uuid NOT NULL,
        secret_hash bytea NOT NULL,
        created_ms bigint NOT NULL,
        expires_ms bigint NOT NULL,
        ended_ms bigint
    )
    """,
    "CREATE INDEX sessions_of_account ON sessions (account_id)",
    "CREATE INDEX sessions_ended ON sessions (ended_ms) WHERE ended_ms IS NOT NULL",
    """
    CREATE TABLE one_time_tokens (
        token_hash bytea PRIMARY KEY,
        kind text NOT NULL,
        customer bytea NOT NULL,
        account_id uuid,
        registration bytea,
        created_ms bigint NOT NULL,
        expires_ms bigint NOT NULL
    )
    """,
    "CREATE INDEX one_time_tokens_of_customer ON one_time_tokens (customer)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    made_ms = time.time_ns() // 1_000_000
    rows = [{"name": f"access_key:{made_ms}", "value": secrets.token_bytes(32)}]
    op.bulk_insert(table_clause("secrets", column("name", Text), column("value", LargeBinary)), rows)
