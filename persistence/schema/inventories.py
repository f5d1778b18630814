"""What every inventory has, whatever it sells: its fence, its journal, the requests it has answered.

- `inventories` is at once the fence (epoch, seq), the directory (owner), the list of what is due and half
  of the availability. It is updated with every append: room is left in its pages and only `next_due_ms` is
  indexed, so that an update touches no index (HOT) unless that changes.
  `claimant` is the client that made the present epoch: it knows its own claim again when the answer was lost.
- `live` counts tickets, `live_reservations` what they belong to. Of a cancelled event nothing is live, also
  while its reservations are still being ended.
- `requests` are found by request id first, because that alone tells almost all of them apart. `scope` is
  the inventory's id, or one made from a scope's name (`persistence.rows.scope_id`). They are purged by
  walking through the relation: an index over `expires_ms` would cost each hold what a purge saves.
- `submissions` are reservations asked for behind the scenes. `number` is the order of their acceptance. Its
  two small indexes have only what is pending, and neither the lease nor the attempts, so that taking one is a
  HOT update. `command` is emptied once there is an answer. They are purged as requests are.
- `journal` is partitioned by day of store time; what no partition covers lands in the default one.
- `secrets` has the database's keys; those of access tokens are named `access_key:` and when they were made.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from persistence.schema.base import ID, metadata

inventories = Table(
    "inventories",
    metadata,
    Column("id", ID, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("claimant", ID),
    Column("seq", BigInteger, nullable=False),
    Column("next_due_ms", BigInteger),
    Column("live", Integer, nullable=False),
    Column("live_reservations", Integer, nullable=False),
    Column("capacity", Integer),
    Column("last_fact_ms", BigInteger, nullable=False),
    CheckConstraint("live >= 0 AND live <= capacity", name="inventories_capacity"),
    postgresql_with={"fillfactor": 50},
)
Index(
    "inventories_due",
    inventories.c.next_due_ms,
    postgresql_where=inventories.c.next_due_ms.is_not(None),
)

requests = Table(
    "requests",
    metadata,
    Column("request_id", LargeBinary, primary_key=True),
    Column("scope", ID, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("reply", LargeBinary, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False),
    Column("inventory_id", ID, nullable=False),
    Column("request_id", LargeBinary, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("command", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("reservation_id", ID),
    Column("rejection", LargeBinary),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("leased_until_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("customer", LargeBinary, nullable=False),
    UniqueConstraint("request_id", "inventory_id", name="submissions_request"),
    CheckConstraint(
        "CASE status WHEN 'pending' THEN reservation_id IS NULL AND rejection IS NULL"
        " WHEN 'done' THEN reservation_id IS NOT NULL AND rejection IS NULL"
        " WHEN 'rejected' THEN reservation_id IS NULL AND rejection IS NOT NULL"
        " ELSE false END",
        name="submissions_status",
    ),
    postgresql_with={"fillfactor": 50},
)
_PENDING = submissions.c.status == text("'pending'")
Index("submissions_pending", submissions.c.number, postgresql_where=_PENDING)
Index("submissions_of_inventory", submissions.c.inventory_id, postgresql_where=_PENDING)

journal = Table(
    "journal",
    metadata,
    Column("inventory_id", ID, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("facts", LargeBinary, nullable=False),
    postgresql_partition_by="RANGE (at_ms)",
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

JOURNAL_DEFAULT_PARTITION = text("CREATE TABLE journal_default PARTITION OF journal DEFAULT")
"""Not in the metadata, which knows no partitions: an append never fails for want of a day's partition."""
