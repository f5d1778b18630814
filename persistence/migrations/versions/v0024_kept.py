"""What an event keeps of what was paid when its holder cancels, and until when who was there before its
start was moved may cancel."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE events ADD COLUMN cancel_keeps_percent integer NOT NULL DEFAULT 0,
        ADD COLUMN postponed_refund_days integer NOT NULL DEFAULT 14,
        ADD COLUMN moved_ms bigint
    """,
    """
    ALTER TABLE events ALTER COLUMN cancel_keeps_percent DROP DEFAULT,
        ALTER COLUMN postponed_refund_days DROP DEFAULT
    """,
    "ALTER TABLE reservations ADD COLUMN kept bigint",
    "ALTER TABLE paid_ends ADD COLUMN kept bigint NOT NULL DEFAULT 0",
    "ALTER TABLE paid_ends ALTER COLUMN kept DROP DEFAULT",
    "ALTER TABLE payments ADD COLUMN conceded bigint NOT NULL DEFAULT 0",
    "ALTER TABLE payments ALTER COLUMN conceded DROP DEFAULT",
    """
    UPDATE payments SET conceded = (
        SELECT sum(r.amount) FROM refunds r WHERE r.payment_id = payments.id AND r.reason = 'concession')
     WHERE EXISTS (SELECT FROM refunds r WHERE r.payment_id = payments.id AND r.reason = 'concession')
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
