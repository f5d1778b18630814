"""What belongs to an account is found by an index: tickets that were passed on to it, charges of its wallet.

Both are few: a ticket has a holder of its own once it was passed on, a payment a wallet where it fills one.
So neither index is touched by a sale, nor by a check-in.
"""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE INDEX tickets_of_holder ON tickets (holder, reservation_id, number) WHERE holder <> ''",
    "CREATE INDEX payments_of_wallet ON payments (wallet, id) WHERE wallet IS NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
