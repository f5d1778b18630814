"""The relations, as SQLAlchemy metadata. Migrations make them; a test compares the two.

- `inventories` is at once the fence (epoch, seq), the directory (owner), the list of what is due and half
  of the availability. It is updated with every append: room is left in its pages and only `next_due_ms` is
  indexed, so that an update touches no index (HOT) unless that changes.
  `claimant` is the client that made the present epoch: it knows its own claim again when the answer was lost.
- `live` counts tickets, `live_reservations` what they belong to. Of a cancelled event nothing is live, also
  while its reservations are still being ended.
- `reservations` has one index beside its key: (inventory, live, id) loads the live ones and, merged over
  both values of `live`, lists all by id. `status` is in no index, so confirming a hold is a HOT update.
- The relations that each hold writes have no foreign keys: a check per row costs as much as half of the
  row, and the fence has just proved that the inventory is there.
- `requests` are found by request id first, because that alone tells almost all of them apart. `scope` is
  the inventory's id, or one made from a scope's name (`persistence.rows.scope_id`). They are purged by
  walking through the relation: an index over `expires_ms` would cost each hold what a purge saves.
- `events` is written when an event is made or changed, never by a sale: its indexes cost no hold anything.
  `name_key` and `words` are made of its terms, for the catalogue alone (`domain.catalogue`). The words have
  no index: a page walks along its order, and to try the words of 100,000 events costs 0.1 s.
- `restaurants` too is only written when one is made or changed; its days of opening are there for the list.
- `live_seats` has the seats of live reservations, by their numbers in the plan: each seat once, at most.
- `tickets` has those of which something has happened: let in, passed on, issued again. Of all others nothing
  is stored: each is a place of a confirmed reservation, and its code is made of that.
- `contact` is bytes: nothing a client sends can be refused there and spoil a batch. Erasing a customer
  empties it.
- `table_times` has a row for each table of each live reservation; no two may overlap, and
  `persistence.append_restaurant` says how that is written.
- `payment_id` of a reservation is that of the payment that confirmed it, or was last tried; `hold_ends_ms`
  is the hold's own end; `kept`, how much of it does not go back. Only an append with such a reservation
  writes them. `paid_ends` is where owners leave word of what a payment had confirmed and that is cancelled:
  its money is to go back, but for what is kept. `conceded` of a payment was promised back with nothing in
  return.
- A row of `payments` is for a reservation, for several (`parts`, whose own rows name it as `whole_id` and
  are never due) or charges a `wallet`.
- `payments` and `refunds` are indexed by when they are to be looked at, as long as they are: `wake_ms` NULL
  is done. `payment_steps` and `ledger_movements` are append-only, a trigger sees to it. A movement is both of
  its entries in one row (`ledger_entries` shows them), so no two can fail to sum to zero; the `balance` of a
  wallet is kept beside them, of other accounts it is their sum.
- `guests` is what a customer has done at a restaurant, counted with the appends: asking for all of a
  customer's reservations would need an index that each hold pays for.
- `submissions` are reservations asked for behind the scenes. `number` is the order of their acceptance. Its
  two small indexes have only what is pending, and neither the lease nor the attempts, so that taking one is a
  HOT update. `command` is emptied once there is an answer. They are purged as requests are.
- `diners` has a restaurant's reservations by the keys of who made them: of the e-mail, and of the number, if
  one was given. It is written when a reservation is made, and of restaurants only.
- `customers_reservations` finds reservations by their customer. An index in `reservations` would cost each
  hold 5 us of PostgreSQL; so rows are filed behind the sales, many at a time, up to the id in
  `customers_filed` (`persistence.customers`), and what is newer is looked for along the ids, which are in
  order of time.
- `organisers` are names that things and accounts belong to. Of events, restaurants and venues `organiser_id`
  is as the journal has it, and never changes; `accounts` belong to one as long as they are its members.
- `accounts` are found by `customer`, the key of their e-mail. A session is one row, whatever it is renewed: a
  token names the session, and only the hash of the one that serves next is kept. `one_time_tokens` (of
  confirmations, resets and invitations) carry what is wanted of an account until it is there.
- `machine_tokens` have hashes only, too. All that serve are read every second: an index has these alone.
- An event is not made in a venue that is removed: a trigger of `events` looks, under the lock that a removal
  takes too. `seating` is JSON and a removed venue's row stays, so no foreign key says it.
- `reservations_by_start` has stays at tables only: of a hold of tickets it costs no entry, but for a look at
  its lines. A day's list of the staff goes along it.
- `audit_log` is append-only, as the ledger is, and cannot be emptied either.
- `secrets` has the database's keys; those of access tokens are named `access_key:` and when they were made.
- `journal` is partitioned by day of store time; what no partition covers lands in the default one.
- `webhook_endpoints` are told of facts, `webhook_deliveries` are what: of one endpoint and one thing
  (`about`) the next is taken when the one before it (`seq`, `position`) is pending no more.
- `outgoing_mails` are mails to be sent. `due_ms` is when one may be taken next: its time, the end of the
  lease of who has taken it, or of the pause after a failed attempt. What is secret or personal in it
  (`recipient`, `parameters`) is emptied at its end.
- `outbox_positions` says how far each inventory's journal has been read for mails, and what of the event was
  `known` there. It is apart from `inventories`, so that who reads is never in an append's way.
- `mail_preferences` is by the customer's key, and has a row only for who has ever asked for something else.

CHECK constraints are the second line behind the owners' rules: one that speaks has found a bug.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, NUMRANGE, TSVECTOR, ExcludeConstraint

metadata = MetaData()

ID = Uuid(as_uuid=False)

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

outgoing_mails = Table(
    "outgoing_mails",
    metadata,
    Column("id", ID, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("recipient", Text),
    Column("language", Text),
    Column("inventory_id", ID),
    Column("reservation_id", ID),
    Column("parameters", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("ended_ms", BigInteger),
    CheckConstraint("status IN ('pending', 'sent', 'dead', 'void')", name="outgoing_mails_status"),
)
Index(
    "outgoing_mails_due",
    outgoing_mails.c.due_ms,
    postgresql_where=outgoing_mails.c.status == text("'pending'"),
)
Index(
    "outgoing_mails_by_status",
    outgoing_mails.c.status,
    outgoing_mails.c.created_ms,
    outgoing_mails.c.id,
)
Index(
    "outgoing_mails_to",
    outgoing_mails.c.recipient,
    postgresql_where=outgoing_mails.c.recipient.is_not(None),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", ID, primary_key=True),
    Column("url", Text, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("inventory_id", ID),
    Column("organiser_id", ID),
    Column("description", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("old_secret_until_ms", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("removed_ms", BigInteger),
    Column("paused_ms", BigInteger),
    Column("pause_reason", Text),
    Column("failures", Integer, nullable=False),
    Column("failing_since_ms", BigInteger),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", ID, primary_key=True),
    Column("endpoint_id", ID, nullable=False),
    Column("inventory_id", ID, nullable=False),
    Column("about", ID, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("answer", Integer),
    Column("error", Text),
    Column("ended_ms", BigInteger),
    CheckConstraint("status IN ('pending', 'delivered', 'dead')", name="webhook_deliveries_status"),
)
_UNDELIVERED = webhook_deliveries.c.status == text("'pending'")
Index(
    "webhook_deliveries_due",
    webhook_deliveries.c.endpoint_id,
    webhook_deliveries.c.due_ms,
    postgresql_where=_UNDELIVERED,
)
Index(
    "webhook_deliveries_order",
    webhook_deliveries.c.endpoint_id,
    webhook_deliveries.c.about,
    webhook_deliveries.c.seq,
    webhook_deliveries.c.position,
    postgresql_where=_UNDELIVERED,
)
Index(
    "webhook_deliveries_log",
    webhook_deliveries.c.endpoint_id,
    webhook_deliveries.c.status,
    webhook_deliveries.c.created_ms,
    webhook_deliveries.c.id,
)

outbox_positions = Table(
    "outbox_positions",
    metadata,
    Column("inventory_id", ID, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("known", JSON, nullable=False),
    postgresql_with={"fillfactor": 50},
)

mail_preferences = Table(
    "mail_preferences",
    metadata,
    Column("customer", LargeBinary, primary_key=True),
    Column("reminders", Boolean, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("organiser_id", Text),
    Column("method", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("thing", Text),
    Column("made", Text),
    Column("request_id", Text, nullable=False),
    Column("status", Integer),
    Column("problem", Text),
)
Index("audit_log_of_actor", audit_log.c.actor, audit_log.c.number)
Index(
    "audit_log_of_organiser",
    audit_log.c.organiser_id,
    audit_log.c.number,
    postgresql_where=audit_log.c.organiser_id.is_not(None),
)
Index(
    "audit_log_of_thing",
    audit_log.c.thing,
    audit_log.c.number,
    postgresql_where=audit_log.c.thing.is_not(None),
)
Index(
    "audit_log_of_made",
    audit_log.c.made,
    audit_log.c.number,
    postgresql_where=audit_log.c.made.is_not(None),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
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

accounts = Table(
    "accounts",
    metadata,
    Column("id", ID, primary_key=True),
    Column("customer", LargeBinary, nullable=False),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("organiser_id", ID),
    Column("password_hash", Text),
    Column("version", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("customer", name="accounts_customer"),
    CheckConstraint(
        "CASE WHEN role IN ('staff', 'organiser') THEN organiser_id IS NOT NULL"
        " ELSE role IN ('customer', 'admin') AND organiser_id IS NULL END",
        name="accounts_role",
    ),
)

Index(
    "accounts_of_organiser",
    accounts.c.organiser_id,
    accounts.c.id,
    postgresql_where=accounts.c.organiser_id.is_not(None),
)

organisers = Table(
    "organisers",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

machine_tokens = Table(
    "machine_tokens",
    metadata,
    Column("id", ID, primary_key=True),
    Column("organiser_id", ID),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
)
Index("machine_tokens_of_organiser", machine_tokens.c.organiser_id, machine_tokens.c.id)
Index(
    "machine_tokens_serving",
    machine_tokens.c.expires_ms,
    postgresql_where=machine_tokens.c.revoked_ms.is_(None),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("account_id", ID, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
)
Index("sessions_of_account", sessions.c.account_id)
Index("sessions_ended", sessions.c.ended_ms, postgresql_where=sessions.c.ended_ms.is_not(None))

one_time_tokens = Table(
    "one_time_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("customer", LargeBinary, nullable=False),
    Column("account_id", ID),
    Column("registration", LargeBinary),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)
Index("one_time_tokens_of_customer", one_time_tokens.c.customer)

LEDGER_ENTRIES = text(
    "CREATE VIEW ledger_entries AS"
    " SELECT id AS movement_id, from_id AS account_id, -amount AS amount, number FROM ledger_movements"
    " UNION ALL SELECT id, to_id, amount, number FROM ledger_movements"
)
"""Not in the metadata either: each movement as its two entries."""

JOURNAL_DEFAULT_PARTITION = text("CREATE TABLE journal_default PARTITION OF journal DEFAULT")
"""Not in the metadata, which knows no partitions: an append never fails for want of a day's partition."""
