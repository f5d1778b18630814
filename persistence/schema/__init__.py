"""The relations, as SQLAlchemy metadata. Migrations make them; a test compares the two.

Each file has what belongs together, and says why it is as it is. Of all of them:

- The relations that each hold writes have no foreign keys: a check per row costs as much as half of the
  row, and the fence has just proved that the inventory is there.
- CHECK constraints are the second line behind the owners' rules: one that speaks has found a bug.
"""

from persistence.schema import (
    events,
    inventories,
    ledger,
    outgoing,
    payments,
    people,
    reservations,
    restaurants,
)
from persistence.schema.base import metadata

__all__ = (
    "events",
    "inventories",
    "ledger",
    "metadata",
    "outgoing",
    "payments",
    "people",
    "reservations",
    "restaurants",
)
