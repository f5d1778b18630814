"""The ledger: accounts, and movements from one to another.

`ledger_movements` is append-only, a trigger sees to it. A movement is both of its entries in one row
(`ledger_entries` shows them), so no two can fail to sum to zero; the `balance` of a wallet is kept beside
them, of other accounts it is their sum.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from persistence.schema.base import ID, metadata

ledger_accounts = Table(
    "ledger_accounts",
    metadata,
    Column("id", ID, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("balance", BigInteger),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("kind", "name", "currency", name="ledger_accounts_name"),
    UniqueConstraint("id", "currency", name="ledger_accounts_currency"),
    CheckConstraint(
        "CASE kind WHEN 'wallet' THEN balance IS NOT NULL AND balance >= 0 ELSE balance IS NULL END",
        name="ledger_accounts_balance",
    ),
    postgresql_with={"fillfactor": 50},
)

ledger_movements = Table(
    "ledger_movements",
    metadata,
    Column("id", ID, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("from_id", ID, nullable=False),
    Column("to_id", ID, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("payment_id", ID),
    Column("reason", Text),
    Column("done_by", Text),
    ForeignKeyConstraint(
        ("from_id", "currency"), ("ledger_accounts.id", "ledger_accounts.currency"), name="ledger_from"
    ),
    ForeignKeyConstraint(
        ("to_id", "currency"), ("ledger_accounts.id", "ledger_accounts.currency"), name="ledger_to"
    ),
    CheckConstraint("from_id <> to_id", name="ledger_movements_apart"),
    CheckConstraint(
        "CASE kind WHEN 'void' THEN amount = 0 ELSE amount > 0 END", name="ledger_movements_amount"
    ),
    UniqueConstraint("number", name="ledger_movements_number"),
)
Index("ledger_movements_from", ledger_movements.c.from_id, ledger_movements.c.number)
Index("ledger_movements_to", ledger_movements.c.to_id, ledger_movements.c.number)

LEDGER_ENTRIES = text(
    "CREATE VIEW ledger_entries AS"
    " SELECT id AS movement_id, from_id AS account_id, -amount AS amount, number FROM ledger_movements"
    " UNION ALL SELECT id, to_id, amount, number FROM ledger_movements"
)
"""Not in the metadata either: each movement as its two entries."""
