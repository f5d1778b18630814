"""Payments, the refunds of them, and what providers were asked and have said.

- A row of `payments` is for a reservation, for several (`parts`, whose own rows name it as `whole_id` and
  are never due) or charges a `wallet`. `conceded` was promised back with nothing in return.
- `paid_ends` is where owners leave word of what a payment had confirmed and that is cancelled: its money is
  to go back, but for what is kept.
- `payments` and `refunds` are indexed by when they are to be looked at, as long as they are: `wake_ms` NULL
  is done.
- `payment_steps` is append-only, a trigger sees to it.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from persistence.schema.base import ID, metadata

paid_ends = Table(
    "paid_ends",
    metadata,
    Column("reservation_id", ID, primary_key=True),
    Column("payment_id", ID, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("kept", BigInteger, nullable=False),
)

payments = Table(
    "payments",
    metadata,
    Column("id", ID, primary_key=True),
    Column("inventory_id", ID),
    Column("reservation_id", ID),
    Column("request_id", LargeBinary, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("provider", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("standing", Text, nullable=False),
    Column("amount", BigInteger),
    Column("currency", Text),
    Column("captured", Boolean, nullable=False),
    Column("promised", BigInteger, nullable=False),
    Column("conceded", BigInteger, nullable=False),
    Column("refunded", BigInteger, nullable=False),
    Column("provider_ref", Text),
    Column("action_url", Text),
    Column("error", Text),
    Column("detail", Text),
    Column("deadline_ms", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("wake_ms", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("pauses", Integer, nullable=False),
    Column("parts", JSON),
    Column("whole_id", ID),
    Column("wallet", Text),
    Column("pays_out", Boolean, nullable=False),
    Column("reason", Text),
    Column("done_by", Text),
    UniqueConstraint("request_id", name="payments_request"),
    CheckConstraint("NOT pays_out OR wallet IS NOT NULL", name="payments_out"),
    CheckConstraint(
        "refunded >= 0 AND refunded <= promised AND promised <= CASE WHEN captured THEN amount ELSE 0 END",
        name="payments_back",
    ),
    CheckConstraint(
        "(inventory_id IS NULL) = (reservation_id IS NULL)"
        " AND num_nonnulls(reservation_id, parts, wallet) = 1"
        " AND (whole_id IS NULL OR reservation_id IS NOT NULL)",
        name="payments_for",
    ),
    postgresql_with={"fillfactor": 50},
)
Index("payments_due", payments.c.wake_ms, postgresql_where=payments.c.wake_ms.is_not(None))
Index("payments_of_reservation", payments.c.reservation_id)
Index(
    "payments_of_wallet",
    payments.c.wallet,
    payments.c.id,
    postgresql_where=payments.c.wallet.is_not(None),
)
Index("payments_of_inventory", payments.c.inventory_id, payments.c.id)

refunds = Table(
    "refunds",
    metadata,
    Column("id", ID, primary_key=True),
    Column("payment_id", ID, ForeignKey("payments.id", name="refunds_payment"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("lines", JSON, nullable=False),
    Column("before", JSON, nullable=False),
    Column("error", Text),
    Column("request_id", LargeBinary, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("wake_ms", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("pauses", Integer, nullable=False),
    UniqueConstraint("request_id", name="refunds_request"),
    CheckConstraint("amount > 0", name="refunds_amount"),
)
Index("refunds_due", refunds.c.wake_ms, postgresql_where=refunds.c.wake_ms.is_not(None))
Index("refunds_of_payment", refunds.c.payment_id)

payment_steps = Table(
    "payment_steps",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("payment_id", ID, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("step", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("result", Text, nullable=False),
)
Index("payment_steps_of", payment_steps.c.payment_id, payment_steps.c.number)

webhook_events = Table(
    "webhook_events",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("payment_id", ID, nullable=False),
    Column("heard_ms", BigInteger, nullable=False),
)

sandbox_charges = Table(
    "sandbox_charges",
    metadata,
    Column("key", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("ready_ms", BigInteger, nullable=False),
    Column("asked", Integer, nullable=False),
)

sandbox_refunds = Table(
    "sandbox_refunds",
    metadata,
    Column("key", Text, primary_key=True),
    Column("charge", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
)
