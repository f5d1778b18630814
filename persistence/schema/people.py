"""Accounts, organisers, the tokens of people and machines, and what operators did.

- `organisers` are names that things and accounts belong to. Of events, restaurants and venues `organiser_id`
  is as the journal has it, and never changes; `accounts` belong to one as long as they are its members.
- `accounts` are found by `customer`, the key of their e-mail. A session is one row, whatever it is renewed: a
  token names the session, and only the hash of the one that serves next is kept. `one_time_tokens` (of
  confirmations, resets and invitations) carry what is wanted of an account until it is there.
- `machine_tokens` have hashes only, too. All that serve are read every second: an index has these alone.
- `audit_log` is append-only, as the ledger is, and cannot be emptied either.
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
)
from sqlalchemy.dialects.postgresql import ARRAY

from persistence.schema.base import ID, metadata

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
