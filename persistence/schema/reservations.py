"""Reservations, of tickets and of tables, and how they are found by their customer.

- `reservations` has one index beside its key that each hold writes: (inventory, live, id) loads the live ones
  and, merged over both values of `live`, lists all by id. `status` is in no index, so confirming a hold is a
  HOT update.
- `reservations_by_start` has stays at tables only: of a hold of tickets it costs no entry, but for a look at
  its lines. A day's list of the staff goes along it.
- `contact` is bytes: nothing a client sends can be refused there and spoil a batch. Erasing a customer
  empties it.
- `payment_id` is that of the payment that confirmed it, or was last tried; `hold_ends_ms` is the hold's own
  end; `kept`, how much of it does not go back. Only an append with such a reservation writes them.
- `customers_reservations` finds reservations by their customer. An index in `reservations` would cost each
  hold 5 us of PostgreSQL; so rows are filed behind the sales, many at a time, up to the id in
  `customers_filed` (`persistence.customers`), and what is newer is looked for along the ids, which are in
  order of time.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)

from persistence.schema.base import ID, metadata

reservations = Table(
    "reservations",
    metadata,
    Column("id", ID, primary_key=True),
    Column("inventory_id", ID, nullable=False),
    Column("status", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("lines", JSON, nullable=False),
    Column("customer", LargeBinary, nullable=False),
    Column("contact", LargeBinary, nullable=False),
    Column("extensions", SmallInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("payment_id", ID),
    Column("hold_ends_ms", BigInteger),
    Column("kept", BigInteger),
    CheckConstraint(
        "CASE WHEN live THEN status IN ('held', 'paying', 'confirmed', 'checked_in', 'seated')"
        " ELSE status IN ('released', 'expired', 'cancelled', 'completed', 'no_show') END",
        name="reservations_status",
    ),
    postgresql_with={"fillfactor": 85},
)
Index("reservations_of_inventory", reservations.c.inventory_id, reservations.c.live, reservations.c.id)
START_MS = "(reservations.lines ->> 'start_ms')::bigint"
"""When a stay begins: of a reservation of tables, and NULL of others."""
Index(
    "reservations_by_start",
    reservations.c.inventory_id,
    text("((lines ->> 'start_ms')::bigint)"),
    postgresql_where=text("((lines ->> 'start_ms')::bigint) IS NOT NULL"),
)

customers_reservations = Table(
    "customers_reservations",
    metadata,
    Column("customer", LargeBinary, primary_key=True),
    Column("reservation_id", ID, primary_key=True),
)

customers_filed = Table(
    "customers_filed",
    metadata,
    Column("until_id", ID, primary_key=True),
)
