"""Events, the venues and seating plans they are held in, and what their tickets have been used for.

- `events` is written when an event is made or changed, never by a sale: its indexes cost no hold anything.
  `name_key` and `words` are made of its terms, for the catalogue alone (`domain.catalogue`). The words have
  no index: a page walks along its order, and to try the words of 100,000 events costs 0.1 s.
- An event is not made in a venue that is removed, nor moved there: triggers of `events` look, under the lock
  that a removal takes too. `seating` is JSON and a removed venue's row stays, so no foreign key says it.
- Events of one venue are apart in time (`events_apart`); another trigger lets them in one after the other.
- `live_seats` has the seats of live reservations, by their numbers in the plan: each seat once, at most.
- `tickets` has those of which something has happened: let in, passed on, issued again. Of all others nothing
  is stored: each is a place of a confirmed reservation, and its code is made of that.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import NUMRANGE, TSVECTOR, ExcludeConstraint

from persistence.schema.base import ID, metadata

events = Table(
    "events",
    metadata,
    Column("id", ID, ForeignKey("inventories.id", name="events_inventory"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("stage", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("starts_at_ms", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("ends_at_ms", BigInteger),
    Column("venue", Text),
    Column("description", Text),
    Column("sales_start_ms", BigInteger),
    Column("sales_end_ms", BigInteger),
    Column("hold_duration_s", Integer, nullable=False),
    Column("max_per_customer", BigInteger),
    Column("cancel_until_ms", BigInteger),
    Column("guests", Boolean, nullable=False),
    Column("hold_extensions_max", Integer, nullable=False),
    Column("one_per_customer", Boolean, nullable=False),
    Column("listed", Text, nullable=False),
    Column("city", Text),
    Column("name_key", Text(collation="C"), nullable=False),
    Column("words", TSVECTOR, nullable=False),
    Column("seating", JSON),
    Column("payment", Text, nullable=False),
    Column("cancel_keeps_percent", Integer, nullable=False),
    Column("postponed_refund_days", Integer, nullable=False),
    Column("moved_ms", BigInteger),
    Column("organiser_id", Text),
    Column("time_zone", Text),
    Column("blocked", JSON, nullable=False),
    Column("during", NUMRANGE),
    ExcludeConstraint(("during", "&&"), using="gist", name="events_apart"),
)
Index("events_by_start", events.c.starts_at_ms, events.c.id)
Index("events_by_name", events.c.name_key, events.c.id)
Index("events_by_creation", events.c.created_ms, events.c.id)
Index(
    "events_of_organiser",
    events.c.organiser_id,
    events.c.starts_at_ms,
    events.c.id,
    postgresql_where=events.c.organiser_id.is_not(None),
)

ticket_types = Table(
    "ticket_types",
    metadata,
    Column("inventory_id", ID, ForeignKey("inventories.id", name="ticket_types_inventory"), primary_key=True),
    Column("code", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("quota", Integer, nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("max_per_order", BigInteger),
    Column("held", Integer, nullable=False),
    Column("confirmed", Integer, nullable=False),
    Column("categories", JSON, nullable=False),
    Column("seats_left", Integer),
    CheckConstraint("held >= 0 AND confirmed >= 0 AND held + confirmed <= quota", name="ticket_types_quota"),
    postgresql_with={"fillfactor": 50},
)

venues = Table(
    "venues",
    metadata,
    Column("id", ID, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("removed_ms", BigInteger),
    Column("name", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("address", Text),
    Column("organiser_id", Text),
)

plans = Table(
    "plans",
    metadata,
    Column("id", ID, primary_key=True),
    Column("venue_id", ID, nullable=False),
    Column("number", Integer, nullable=False),
    Column("seats", Integer, nullable=False),
    Column("categories", JSON, nullable=False),
    Column("plan", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("venue_id", "number", name="plans_number"),
)

live_seats = Table(
    "live_seats",
    metadata,
    Column("inventory_id", ID, primary_key=True),
    Column("seat", Integer, primary_key=True),
    Column("reservation_id", ID, nullable=False),
    postgresql_with={"fillfactor": 85},
)

tickets = Table(
    "tickets",
    metadata,
    Column("inventory_id", ID, primary_key=True),
    Column("reservation_id", ID, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("generation", SmallInteger, nullable=False),
    Column("holder", LargeBinary, nullable=False),
    Column("contact", LargeBinary, nullable=False),
    Column("entered_ms", BigInteger),
    Column("entered_by", Text),
    Column("gate", Text),
    Column("device", Text),
    CheckConstraint("(entered_ms IS NULL) = (entered_by IS NULL)", name="tickets_entry"),
    postgresql_with={"fillfactor": 85},
)
Index(
    "tickets_of_holder",
    tickets.c.holder,
    tickets.c.reservation_id,
    tickets.c.number,
    postgresql_where=text("holder <> ''"),
)
