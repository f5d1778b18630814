"""Mails that are to be sent, how far the journal has been read for them, and who wants which.

What has happened before this is told to nobody: each inventory is read from its present end on.
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE outgoing_mails (
        id uuid PRIMARY KEY,
        kind text NOT NULL,
        status text NOT NULL,
        recipient text,
        language text,
        inventory_id uuid,
        reservation_id uuid,
        parameters json NOT NULL,
        created_ms bigint NOT NULL,
        due_ms bigint NOT NULL,
        until_ms bigint,
        attempts integer NOT NULL,
        error text,
        ended_ms bigint,
        CONSTRAINT outgoing_mails_status CHECK (status IN ('pending', 'sent', 'dead', 'void'))
    )
    """,
    "CREATE INDEX outgoing_mails_due ON outgoing_mails (due_ms) WHERE status = 'pending'",
    "CREATE INDEX outgoing_mails_by_status ON outgoing_mails (status, created_ms, id)",
    "CREATE INDEX outgoing_mails_to ON outgoing_mails (recipient) WHERE recipient IS NOT NULL",
    """
    CREATE TABLE outbox_positions (
        inventory_id uuid PRIMARY KEY,
        seq bigint NOT NULL,
        at_ms bigint NOT NULL,
        known json NOT NULL
    ) WITH (fillfactor = 50)
    """,
    """
    INSERT INTO outbox_positions (inventory_id, seq, at_ms, known)
    SELECT i.id, i.seq, i.last_fact_ms,
           json_build_object('starts_at_ms', e.starts_at_ms, 'venue', e.venue, 'city', e.city,
                             'cancelled', coalesce(e.stage = 'cancelled', false))
      FROM inventories i LEFT JOIN events e ON e.id = i.id
    """,
    """
    CREATE TABLE mail_preferences (
        customer bytea PRIMARY KEY,
        reminders boolean NOT NULL,
        changed_ms bigint NOT NULL
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
