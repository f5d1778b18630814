"""A mail is asked for with the deed that it tells of, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.mail import PARAMETERS_MAX_CHARACTERS, Mail, MailKind, UnsoundMail
from persistence.mails import FORGET, MAILS_RETENTION_MS, enqueue, id_of, insert_one, values_of
from persistence.maintenance import Maintenance
from persistence.rows import NOW
from tests.persistence.sales import new_id
from tests.persistence.worlds import PostgresWorld

RESET = Mail(MailKind.PASSWORD_RESET, parameters={"token": "secret", "valid_minutes": 30})


def reset_for(name: str) -> Mail:
    return replace(RESET, recipient=f"{name}-{new_id()}@example.org")


async def rows_to(connection: Any, mail: Mail) -> list[dict[str, Any]]:
    rows = await connection.fetch("SELECT * FROM outgoing_mails WHERE recipient = $1", mail.recipient)
    return [dict(row) for row in rows]


async def test_a_mail_is_there_when_its_transaction_is_and_due_at_once(postgres: PostgresWorld) -> None:
    connection, mail = await postgres.connection(), reset_for("ada")
    async with connection.transaction():
        await enqueue(connection, mail)
    row = (await rows_to(connection, mail))[0]
    assert (row["kind"], row["status"], row["attempts"]) == ("password_reset", "pending", 0)
    assert row["due_ms"] == row["created_ms"] <= await connection.fetchval(NOW)


async def test_a_deed_that_is_not_done_sends_no_mail(postgres: PostgresWorld) -> None:
    connection, mail = await postgres.connection(), reset_for("ada")
    transaction = connection.transaction()
    await transaction.start()
    await enqueue(connection, mail)
    await transaction.rollback()
    assert await rows_to(connection, mail) == []


async def test_a_mail_can_be_part_of_the_deeds_statement(postgres: PostgresWorld) -> None:
    connection, mail = await postgres.connection(), reset_for("ada")
    deed = f"WITH mailed AS ({insert_one(2)}) SELECT $1::text"
    assert await connection.fetchval(deed, "done", *values_of(mail)) == "done"
    assert len(await rows_to(connection, mail)) == 1


async def test_what_is_told_twice_is_one_mail(postgres: PostgresWorld) -> None:
    connection, mail = await postgres.connection(), reset_for("ada")
    for _ in range(2):
        await enqueue(connection, mail, id_of("told", mail.recipient))
    assert len(await rows_to(connection, mail)) == 1


async def test_a_mail_waits_for_its_time(postgres: PostgresWorld) -> None:
    connection, mail = await postgres.connection(), replace(reset_for("ada"), not_before_ms=2**45)
    await enqueue(connection, mail)
    assert (await rows_to(connection, mail))[0]["due_ms"] == 2**45


@pytest.mark.parametrize(("extra", "sound"), [(0, True), (1, False)])
async def test_parameters_have_a_bound(postgres: PostgresWorld, extra: int, sound: bool) -> None:
    connection, mail = await postgres.connection(), reset_for("ada")
    frame = len('{"token":"","valid_minutes":30}')
    token = "x" * (PARAMETERS_MAX_CHARACTERS - frame + extra)
    mail = replace(mail, parameters={"token": token, "valid_minutes": 30})
    if sound:
        await enqueue(connection, mail)
    else:
        with pytest.raises(UnsoundMail, match="8000"):
            await enqueue(connection, mail)
    assert len(await rows_to(connection, mail)) == sound


async def test_mails_are_kept_for_thirty_days_after_their_end(postgres: PostgresWorld) -> None:
    connection, keeper = await postgres.connection(), Maintenance(postgres.url)
    ids = [id_of("old", new_id()) for _ in range(3)]
    for mail_id, status, ended_ms in zip(ids, ("sent", "dead", "pending"), (1_000, 1_001, None), strict=True):
        await enqueue(connection, reset_for("ada"), mail_id)
        change = "UPDATE outgoing_mails SET status = $2, ended_ms = $3 WHERE id = $1"
        await connection.execute(change, mail_id, status, ended_ms)
    await keeper.purge("outgoing_mails", 1_001 + MAILS_RETENTION_MS)
    await keeper.close()
    left = await connection.fetch("SELECT id::text FROM outgoing_mails WHERE id = ANY($1::uuid[])", ids)
    assert {row["id"] for row in left} == set(ids[1:])


async def test_nothing_more_is_sent_to_who_is_forgotten(postgres: PostgresWorld) -> None:
    connection, mail, other = await postgres.connection(), reset_for("ada"), reset_for("bob")
    mail_id = id_of("reset", mail.recipient)
    await enqueue(connection, mail, mail_id)
    await enqueue(connection, other)
    await connection.execute(FORGET, mail.recipient)
    row = await connection.fetchrow("SELECT * FROM outgoing_mails WHERE id = $1", mail_id)
    assert (row["status"], row["recipient"], row["parameters"]) == ("void", None, "{}")
    assert row["ended_ms"] is not None
    assert [row["status"] for row in await rows_to(connection, other)] == ["pending"]
