"""Mails asked for: a row each in `outgoing_mails`, written in the transaction of the deed they tell of.

    async with connection.transaction():
        ...the deed...
        await enqueue(connection, Mail(MailKind.PASSWORD_RESET, recipient, parameters={...}))

or, where the deed is one statement, as a part of it: `insert_one(first)` is its text and `values_of(mail)`
are its parameters. A mail whose id is made of what it tells of (`id_of`) is there once, however often it is
asked for. Who sends them is `actors.mail.sender`, by `persistence.mail_queue`.
"""

# ruff: noqa: S608 - statements are put together from constants of this package only
from __future__ import annotations

import uuid

import msgspec

from domain.mail import PARAMETERS_MAX_CHARACTERS, Mail, UnsoundMail, check
from persistence.connection import Connection
from persistence.rows import NOW

MAILS_RETENTION_MS = 30 * 86_400_000
"""So long a mail's row is kept after its end."""
_MAILS = uuid.UUID("7c0f4a52-90e0-4f0c-8d5a-0f3b7f2b7a11")

COLUMNS = "id, kind, status, recipient, language, inventory_id, reservation_id, parameters, due_ms, until_ms"
_ROW = (
    "{0}::uuid, {1}::text, 'pending', {2}::text, {3}::text, {4}::uuid, {5}::uuid, {6}::json,"
    " greatest({7}::bigint, now.ms), {8}::bigint"
)
VALUES = 9
"""How many parameters `insert_one` takes, and `values_of` makes."""


def insert_one(first: int = 1) -> str:
    """The statement that asks for one mail, with parameters from `$first` on; also as a CTE."""
    row = _ROW.format(*(f"${first + at}" for at in range(VALUES)))
    return f"""
INSERT INTO outgoing_mails ({COLUMNS}, created_ms, attempts)
SELECT {row}, now.ms, 0 FROM ({NOW} AS ms) now
ON CONFLICT (id) DO NOTHING"""


INSERT_ONE = insert_one()

FORGET = f"""
UPDATE outgoing_mails SET status = 'void', recipient = NULL, parameters = '{{}}', error = NULL,
       ended_ms = coalesce(ended_ms, ({NOW}))
 WHERE recipient IS NOT NULL AND lower(recipient) = lower($1) AND status IN ('pending', 'dead')"""
"""Nothing more to this address, however it was spelled: for the transaction that erases whose it is. Of what
has ended otherwise the address is forgotten already; a reservation's mail has none."""


def id_of(*told: object) -> str:
    """The id of the mail that tells of this: the same for the same."""
    return str(uuid.uuid5(_MAILS, "/".join(str(part) for part in told)))


def values_of(mail: Mail, mail_id: str | None = None) -> tuple[object, ...]:
    """The parameters of `insert_one`. Without an id it is a new mail, each time. Raises UnsoundMail."""
    check(mail)
    parameters = msgspec.json.encode(mail.parameters).decode()
    if len(parameters) > PARAMETERS_MAX_CHARACTERS or "\\u0000" in parameters:
        raise UnsoundMail(f"{mail.kind}: parameters of more than {PARAMETERS_MAX_CHARACTERS} characters")
    return (
        mail_id or str(uuid.uuid4()),
        mail.kind.value,
        mail.recipient,
        mail.language,
        mail.inventory_id,
        mail.reservation_id,
        parameters,
        mail.not_before_ms,
        mail.until_ms,
    )


async def enqueue(connection: Connection, mail: Mail, mail_id: str | None = None) -> None:
    """Ask for a mail, in the transaction that the connection is in. Raises UnsoundMail."""
    await connection.execute(INSERT_ONE, *values_of(mail, mail_id))
