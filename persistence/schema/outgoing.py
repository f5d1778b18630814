"""What is told to others: how far the journal has been read for it, mails, and webhooks.

- `outbox_positions` says how far each inventory's journal has been read for mails, and what of the event was
  `known` there. It is apart from `inventories`, so that who reads is never in an append's way.
- `outgoing_mails` are mails to be sent. `due_ms` is when one may be taken next: its time, the end of the
  lease of who has taken it, or of the pause after a failed attempt. What is secret or personal in it
  (`recipient`, `parameters`) is emptied at its end.
- `mail_preferences` is by the customer's key, and has a row only for who has ever asked for something else.
- `webhook_endpoints` are told of facts, `webhook_deliveries` are what: of one endpoint and one thing
  (`about`) the next is taken when the one before it (`seq`, `position`) is pending no more.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from persistence.schema.base import ID, metadata

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
