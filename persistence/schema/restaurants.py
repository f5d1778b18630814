"""Restaurants, who has dined there, and when each of their tables is taken.

- `restaurants` is only written when one is made or changed; its days of opening are there for the list.
- `table_times` has a row for each table of each live reservation; no two may overlap, and
  `persistence.append_restaurant` says how that is written.
- `guests` is what a customer has done at a restaurant, counted with the appends: asking for all of a
  customer's reservations would need an index that each hold pays for.
- `diners` has a restaurant's reservations by the keys of who made them: of the e-mail, and of the number, if
  one was given. It is written when a reservation is made, and of restaurants only.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, NUMRANGE, TSVECTOR, ExcludeConstraint

from persistence.schema.base import ID, metadata

restaurants = Table(
    "restaurants",
    metadata,
    Column("id", ID, ForeignKey("inventories.id", name="restaurants_inventory"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("stage", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("city", Text),
    Column("organiser_id", Text),
    Column("name_key", Text(collation="C"), nullable=False),
    Column("words", TSVECTOR, nullable=False),
    Column("weekdays", SmallInteger, nullable=False),
    Column("special_open", ARRAY(Integer), nullable=False),
    Column("special_closed", ARRAY(Integer), nullable=False),
    Column("terms", JSON, nullable=False),
)
Index("restaurants_by_name", restaurants.c.name_key, restaurants.c.id)
Index("restaurants_by_creation", restaurants.c.created_ms, restaurants.c.id)
Index(
    "restaurants_of_organiser",
    restaurants.c.organiser_id,
    restaurants.c.name_key,
    restaurants.c.id,
    postgresql_where=restaurants.c.organiser_id.is_not(None),
)

table_times = Table(
    "table_times",
    metadata,
    Column("reservation_id", ID, primary_key=True),
    Column("table_id", ID, primary_key=True),
    Column("during", NUMRANGE, nullable=False),
    ExcludeConstraint(
        ("during", "&&"), using="gist", name="table_times_apart", deferrable=True, initially="DEFERRED"
    ),
)

guests = Table(
    "guests",
    metadata,
    Column("inventory_id", ID, ForeignKey("inventories.id", name="guests_inventory"), primary_key=True),
    Column("customer", LargeBinary, primary_key=True),
    Column("visits", Integer, nullable=False),
    Column("cancellations", Integer, nullable=False),
    Column("no_shows", Integer, nullable=False),
)

diners = Table(
    "diners",
    metadata,
    Column("inventory_id", ID, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("reservation_id", ID, primary_key=True),
)

images = Table(
    "images",
    metadata,
    Column("id", ID, primary_key=True),
    Column("restaurant_id", ID, nullable=False),
    Column("place", SmallInteger, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("restaurant_id", "place", name="images_place"),
)
