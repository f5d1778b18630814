"""Reservations that are asked for behind the scenes."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE submissions (
        id uuid NOT NULL,
        number bigint GENERATED ALWAYS AS IDENTITY,
        inventory_id uuid NOT NULL,
        request_id bytea NOT NULL,
        fingerprint bytea NOT NULL,
        command bytea NOT NULL,
        status text NOT NULL,
        reservation_id uuid,
        rejection bytea,
        created_ms bigint NOT NULL,
        expires_ms bigint NOT NULL,
        leased_until_ms bigint NOT NULL,
        attempts integer NOT NULL,
        CONSTRAINT submissions_pkey PRIMARY KEY (id),
        CONSTRAINT submissions_request UNIQUE (request_id, inventory_id),
        CONSTRAINT submissions_status CHECK (
            CASE status WHEN 'pending' THEN reservation_id IS NULL AND rejection IS NULL
                        WHEN 'done' THEN reservation_id IS NOT NULL AND rejection IS NULL
                        WHEN 'rejected' THEN reservation_id IS NULL AND rejection IS NOT NULL
                        ELSE false END)
    ) WITH (fillfactor = 50)""",
    "CREATE INDEX submissions_pending ON submissions (number) WHERE status = 'pending'",
    "CREATE INDEX submissions_of_inventory ON submissions (inventory_id) WHERE status = 'pending'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
