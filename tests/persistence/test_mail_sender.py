"""Mails are sent at least once by a sender that may die anywhere, and by a post that may refuse anything."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from msgspec.structs import replace

from actors.mail.config import SenderLimits
from actors.mail.letters import Letters, Stationery
from actors.mail.post import PostClosed, SmtpPost
from actors.mail.sender import Sender
from actors.meter import Meter
from actors.news.config import FollowerLimits
from actors.news.follower import Follower
from domain.event_messages import CancelEvent, CancelReservation, ChangeEvent, TermsChange
from domain.mail import Mail, MailKind
from domain.news import REMIND_BEFORE_MS
from domain.ticket_messages import ReissueTicket, TransferTicket
from domain.unsubscribing import customer_in
from persistence.customers import FORGET_TICKETS
from persistence.mail_queue import PostgresMailQueue
from persistence.mails import enqueue, id_of
from persistence.news import PostgresNews
from persistence.rows import NOW
from tests.mail.buyers import addresses, sell_to
from tests.mail.servers import ACCEPTED, Inbox, free_port, smtp_server
from tests.persistence.sales import Sale, new_id, terms
from tests.persistence.worlds import PostgresWorld

DAY_MS = 86_400_000
SENDER = "box@example.org"
LIMITS = SenderLimits(pause_first_ms=0, attempts_max=3)


class Office:
    """A queue without the mails of other tests, and what it takes to empty it."""

    def __init__(self, postgres: PostgresWorld, url: str) -> None:
        self.postgres = postgres
        self.queue = PostgresMailQueue(postgres.url)
        self.post = SmtpPost(url, SENDER)
        self.now_ms = int(time.time() * 1000)
        self.secret = b"s" * 32

    def sender(self, limits: SenderLimits = LIMITS) -> Sender:
        stationery = Stationery(f"Box <{SENDER}>", "https://tickets.example", self.secret, b"t" * 32)
        letters = Letters(stationery)
        return Sender(self.queue, letters, self.post, lambda: self.now_ms, Meter(), limits)

    async def send_all(self, limits: SenderLimits = LIMITS) -> None:
        sender = self.sender(limits)
        while await sender.step():
            pass

    async def ask_for(self, mail: Mail) -> str:
        mail_id = id_of(new_id())
        await enqueue(await self.postgres.connection(), mail, mail_id)
        return mail_id

    async def row(self, mail_id: str) -> dict[str, Any]:
        connection = await self.postgres.connection()
        return dict(await connection.fetchrow("SELECT * FROM outgoing_mails WHERE id = $1", mail_id))

    async def follow(self) -> None:
        news = PostgresNews(self.postgres.url)
        follower = Follower(0, 1, news, Meter(), FollowerLimits())
        while await follower.step():
            pass
        await news.close()


@pytest.fixture
def server() -> Iterator[tuple[str, Inbox]]:
    with smtp_server() as made:
        yield made


@pytest.fixture
def inbox(server: tuple[str, Inbox]) -> Inbox:
    return server[1]


@pytest.fixture
async def office(postgres: PostgresWorld, server: tuple[str, Inbox]) -> AsyncIterator[Office]:
    made = Office(postgres, server[0])
    await made.follow()
    connection = await postgres.connection()
    await connection.execute("DELETE FROM outgoing_mails")
    yield made
    await made.post.close()
    await made.queue.close()


def reset(name: str = "ada") -> Mail:
    parameters: dict[str, Any] = {"token": "secret", "valid_minutes": 30}
    return Mail(MailKind.PASSWORD_RESET, f"{name}@example.org", parameters=parameters)


async def test_a_mail_is_sent_once_and_what_was_in_it_forgotten(office: Office, inbox: Inbox) -> None:
    mail_id = await office.ask_for(reset())
    for _ in range(2):
        await office.send_all()
    assert [letter["To"] for letter in inbox.letters] == ["ada@example.org"]
    row = await office.row(mail_id)
    assert (row["status"], row["recipient"], row["parameters"]) == ("sent", None, "{}")


async def test_one_connection_is_used_again(office: Office, inbox: Inbox) -> None:
    for number in range(5):
        await office.ask_for(reset(f"n{number}"))
    await office.send_all()
    assert len(inbox.letters) == 5
    assert inbox.connections == 1


async def test_what_is_refused_for_now_is_tried_again(office: Office, inbox: Inbox) -> None:
    mail_id = await office.ask_for(reset())
    inbox.answer = lambda letter: "451 later"
    sender = office.sender()
    await sender.step()
    row = await office.row(mail_id)
    assert (row["status"], row["attempts"]) == ("pending", 1)
    assert "451" in row["error"]
    inbox.answer = lambda letter: ACCEPTED
    await office.send_all()
    assert (await office.row(mail_id))["status"] == "sent"
    assert list(inbox.tried.values()) == [2]


async def test_pauses_grow(office: Office, inbox: Inbox) -> None:
    inbox.answer = lambda letter: "451 later"
    mail_id = await office.ask_for(reset())
    connection = await office.postgres.connection()
    pauses = []
    for _ in range(3):
        await office.sender(SenderLimits(pause_first_ms=10_000, pause_max_ms=15_000)).step()
        row = await office.row(mail_id)
        pauses.append(round((row["due_ms"] - await connection.fetchval(NOW)) / 5_000) * 5)
        await connection.execute("UPDATE outgoing_mails SET due_ms = 0 WHERE id = $1", mail_id)
    assert pauses == [10, 15, 15]


@pytest.mark.parametrize(("says", "tries"), [("451 later", 3), ("550 <Ada@Example.org> is nobody", 1)])
async def test_after_its_last_attempt_or_for_good_a_mail_is_dead(
    office: Office, inbox: Inbox, says: str, tries: int
) -> None:
    mail_id = await office.ask_for(reset())
    inbox.answer = lambda letter: says
    await office.send_all()
    row = await office.row(mail_id)
    assert (row["status"], row["attempts"], row["recipient"]) == ("dead", tries, "ada@example.org")
    assert says[:3] in row["error"]
    assert "ada@" not in row["error"].lower()
    assert list(inbox.tried.values()) == [tries]


async def test_that_the_post_is_closed_is_no_mails_fault(office: Office) -> None:
    mails = [await office.ask_for(reset(f"n{number}")) for number in range(3)]
    office.post = SmtpPost(f"smtp://127.0.0.1:{free_port()}", SENDER)
    for _ in range(LIMITS.attempts_max + 1):
        with pytest.raises(PostClosed):
            await office.sender(SenderLimits(poll_s=0)).step()
    for mail_id in mails:
        row = await office.row(mail_id)
        assert (row["status"], row["attempts"]) == ("pending", 0)


async def test_a_sender_that_dies_leaves_its_mails_to_the_end_of_the_lease(
    office: Office, inbox: Inbox
) -> None:
    mail_id = await office.ask_for(reset())
    assert [one.id for one in await office.queue.take(10, 60_000)] == [mail_id]
    assert await office.sender().step() == 0
    connection = await office.postgres.connection()
    await connection.execute("UPDATE outgoing_mails SET due_ms = 0 WHERE id = $1", mail_id)
    await office.send_all()
    assert len(inbox.letters) == 1


async def test_what_cannot_be_done_within_the_lease_is_not_begun(office: Office, inbox: Inbox) -> None:
    for number in range(3):
        await office.ask_for(reset(f"n{number}"))
    assert await office.sender(SenderLimits(lease_ms=1_000, mail_max_s=1.0)).step() == 3
    assert inbox.letters == []
    connection = await office.postgres.connection()
    rows = await connection.fetch("SELECT DISTINCT status, attempts FROM outgoing_mails")
    assert [tuple(row) for row in rows] == [("pending", 0)]


async def test_two_senders_share_the_work(office: Office, inbox: Inbox) -> None:
    for number in range(40):
        await office.ask_for(reset(f"n{number}"))
    other = Office(office.postgres, "smtp://127.0.0.1:1")
    other.post = office.post
    limits = SenderLimits(take_max_mails=5)
    await asyncio.gather(office.send_all(limits), other.send_all(limits))
    await other.queue.close()
    assert Counter(inbox.tried.values()) == {1: 40}


async def test_a_mail_too_late_is_not_sent(office: Office, inbox: Inbox) -> None:
    late = Mail(MailKind.PASSWORD_RESET, "a@b.cd", parameters=reset().parameters, until_ms=office.now_ms)
    mail_id = await office.ask_for(late)
    await office.send_all()
    assert inbox.letters == []
    assert (await office.row(mail_id))["status"] == "void"


# --- of reservations ------------------------------------------------------------------------------


async def sold(office: Office, count: int, days_ahead: float) -> tuple[Sale, dict[str, str]]:
    """Reservations of a coming event."""
    starts_at_ms = office.now_ms + int(days_ahead * DAY_MS)
    of = replace(terms(1_000, starts_at_ms=starts_at_ms), sales_start_ms=None, cancel_until_ms=starts_at_ms)
    sale = await Sale.opened(office.postgres.store(), of, at_ms=office.now_ms)
    return sale, await sell_to(office.postgres.store(), sale, addresses(count))


def subjects(inbox: Inbox) -> Counter[str]:
    return Counter(str(letter["Subject"]).split(":")[0] for letter in inbox.letters)


async def make_due(office: Office) -> None:
    connection = await office.postgres.connection()
    await connection.execute("UPDATE outgoing_mails SET due_ms = 0 WHERE status = 'pending'")


async def test_a_confirmation_goes_to_whom_the_reservation_is_for(office: Office, inbox: Inbox) -> None:
    _, made = await sold(office, 3, 0.5)
    await office.follow()
    await office.send_all()
    assert sorted(letter["To"] for letter in inbox.letters) == sorted(made)


@pytest.mark.parametrize(("zone", "hour"), [("Asia/Tokyo", "20:30"), (None, "11:30 UTC")])
async def test_an_events_time_is_told_as_it_is_there(
    office: Office, inbox: Inbox, zone: str | None, hour: str
) -> None:
    day_ms = office.now_ms // DAY_MS * DAY_MS
    starts_at_ms = day_ms + 2 * DAY_MS + 11 * 3_600_000 + 1_800_000
    of = replace(
        terms(10, starts_at_ms=starts_at_ms), sales_start_ms=None, cancel_until_ms=None, time_zone=zone
    )
    sale = await Sale.opened(office.postgres.store(), of, at_ms=office.now_ms)
    await sell_to(office.postgres.store(), sale, addresses(1))
    await office.follow()
    await office.send_all()
    (letter,) = inbox.letters
    text = letter.get_body(("plain",))
    assert text is not None
    assert f", {hour}\n" in text.get_content().replace("\r", "")


async def test_nothing_is_sent_to_who_was_erased(office: Office, inbox: Inbox) -> None:
    _, made = await sold(office, 2, 0.5)
    await office.follow()
    erased, kept = made
    connection = await office.postgres.connection()
    await connection.execute("UPDATE reservations SET contact = '' WHERE id = $1", made[erased])
    await office.send_all()
    assert [letter["To"] for letter in inbox.letters] == [kept]


async def test_a_reminder_is_sent_when_its_hour_has_come(office: Office, inbox: Inbox) -> None:
    await sold(office, 1, 3)
    await office.follow()
    await office.send_all()
    assert subjects(inbox) == {"Confirmed": 1}
    await make_due(office)
    await office.send_all()
    assert subjects(inbox) == {"Confirmed": 1, "Tomorrow": 1}


async def test_a_reminder_moves_with_its_event(office: Office, inbox: Inbox) -> None:
    sale, _ = await sold(office, 1, 3)
    store, later_ms = office.postgres.store(), office.now_ms + 5 * DAY_MS
    assert await sale.append(store, sale.decided(ChangeEvent(TermsChange(starts_at_ms=later_ms))))
    await office.follow()
    connection = await office.postgres.connection()
    due = "SELECT due_ms FROM outgoing_mails WHERE kind = 'reminder' ORDER BY due_ms"
    assert [row["due_ms"] for row in await connection.fetch(due)] == [
        office.now_ms + 3 * DAY_MS - REMIND_BEFORE_MS,
        later_ms - REMIND_BEFORE_MS,
    ]
    await make_due(office)
    await office.send_all()
    assert subjects(inbox) == {"Confirmed": 1, "Changed": 1, "Tomorrow": 1}


async def test_there_is_no_reminder_of_what_was_cancelled(office: Office, inbox: Inbox) -> None:
    sale, made = await sold(office, 1, 3)
    store = office.postgres.store()
    assert await sale.append(store, sale.decided(CancelReservation(*made.values())))
    await office.follow()
    await make_due(office)
    await office.send_all()
    assert subjects(inbox) == {"Cancelled": 1}


async def test_who_wants_no_reminders_gets_none(office: Office, inbox: Inbox) -> None:
    _, made = await sold(office, 2, 3)
    await office.follow()
    quiet, other = made
    connection = await office.postgres.connection()
    await connection.execute("INSERT INTO mail_preferences VALUES ($1, false, 0)", quiet.encode())
    await make_due(office)
    await office.send_all()
    reminded = [letter["To"] for letter in inbox.letters if str(letter["Subject"]).startswith("Tomorrow")]
    assert reminded == [other]


async def has_account(office: Office, address: str, language: str) -> None:
    connection = await office.postgres.connection()
    put = "INSERT INTO accounts VALUES ($1, $2, $3, 'Ada', $4, 'customer', NULL, NULL, 1, 0)"
    await connection.execute(put, new_id(), address.encode(), address, language)


async def test_who_has_an_account_is_written_to_in_its_language_unless_another_was_given(
    office: Office, inbox: Inbox
) -> None:
    sale, made = await sold(office, 3, 0.5)
    spanish, english, guest = made
    await has_account(office, spanish, "es")
    await has_account(office, english, "es")
    given = f'{{"name":"Ada","email":"{english}","language":"en"}}'.encode()
    connection = await office.postgres.connection()
    await connection.execute("UPDATE reservations SET contact = $2 WHERE id = $1", made[english], given)
    await passed_on(office, sale, made[guest], spanish)
    await office.follow()
    await office.send_all()
    told = sorted((letter["To"], letter["Content-Language"]) for letter in inbox.letters)
    assert told == sorted([*[(spanish, "es")] * 2, (english, "en"), *[(guest, "en")] * 2])


async def passed_on(office: Office, sale: Sale, reservation_id: str, email: str) -> None:
    contact = f'{{"name":"Bob","email":"{email}"}}'.encode()
    command = TransferTicket(reservation_id, 1, email.encode(), contact)
    assert await sale.append(office.postgres.store(), sale.decided(command))


async def test_a_ticket_passed_on_is_told_of_to_both(office: Office, inbox: Inbox) -> None:
    sale, made = await sold(office, 1, 0.5)
    await passed_on(office, sale, *made.values(), "bob@example.org")
    await office.follow()
    await office.send_all()
    told = {str(letter["Subject"]).split(":")[0]: letter["To"] for letter in inbox.letters}
    assert told == {
        "Confirmed": next(iter(made)),
        "Ticket handed on": next(iter(made)),
        "A ticket for you": "bob@example.org",
    }


async def test_who_was_given_a_ticket_hears_of_its_event_without_the_right_to_the_reservation(
    office: Office, inbox: Inbox
) -> None:
    sale, made = await sold(office, 2, 0.5)
    for email in ("bob@example.org", "cy@example.org"):
        await passed_on(office, sale, next(iter(made.values())), email)
    store = office.postgres.store()
    for command in (ChangeEvent(TermsChange(city="Vienna")), CancelEvent()):
        assert await sale.append(store, sale.decided(command))
        assert await sale.append(store, sale.decided())
        await office.follow()
        await office.send_all()
    told = Counter((str(letter["Subject"]).split(":")[0], letter["To"]) for letter in inbox.letters)
    everybody = ("cy@example.org", *made)
    assert [told[what, one] for what in ("Changed", "Called off") for one in everybody] == [1] * 6
    assert all(letter["To"] != "bob@example.org" for letter in inbox.letters)
    texts = [plain_text(letter) for letter in inbox.letters if letter["To"] == "cy@example.org"]
    assert [("/reservations/" in text, "Ticket number: 1" in text) for text in texts] == [(False, True)] * 3


async def test_only_who_has_a_ticket_by_then_is_mailed_the_right_to_it(office: Office, inbox: Inbox) -> None:
    sale, made = await sold(office, 1, 0.5)
    for email in ("bob@example.org", "cy@example.org"):
        await passed_on(office, sale, *made.values(), email)
    await office.follow()
    await office.send_all()
    assert subjects(inbox) == {"Confirmed": 1, "Ticket handed on": 1, "A ticket for you": 1}
    assert [one["To"] for one in inbox.letters if str(one["Subject"]).startswith("A ticket")] == [
        "cy@example.org"
    ]


@pytest.mark.parametrize("moved", [False, True])
async def test_who_has_a_ticket_when_the_hour_has_come_is_reminded_of_it_too(
    office: Office, inbox: Inbox, moved: bool
) -> None:
    sale, made = await sold(office, 2, 3)
    (bought, other), (holder, quiet, before) = made.values(), addresses(3)
    for reservation_id, email in ((bought, before), (bought, holder), (other, quiet)):
        await passed_on(office, sale, reservation_id, email)
    store, connection = office.postgres.store(), await office.postgres.connection()
    assert await sale.append(store, sale.decided(ReissueTicket(bought, 1)))
    await has_account(office, holder, "es")
    await connection.execute("INSERT INTO mail_preferences VALUES ($1, false, 0)", quiet.encode())
    await office.follow()
    if moved:
        later = TermsChange(starts_at_ms=office.now_ms + 5 * DAY_MS)
        assert await sale.append(store, sale.decided(ChangeEvent(later)))
        await office.follow()
    await make_due(office)
    await office.send_all()
    reminded = {letter["To"]: letter for letter in inbox.letters if letter["List-Unsubscribe"]}
    assert sorted(reminded) == sorted([*made, holder])
    assert Counter(letter["To"] for letter in inbox.letters if letter["List-Unsubscribe"]).total() == 3
    letter = reminded[holder]
    assert str(letter["Subject"]).startswith("Mañana")
    text, token = plain_text(letter), letter["List-Unsubscribe"].rpartition("/")[2].rstrip(">")
    assert ("/reservations/" in text, f"/tickets/{bought}/1#" in text) == (False, True)
    assert customer_in(token, office.secret) == holder.encode()


async def test_a_ticket_is_not_mailed_to_who_was_erased(office: Office, inbox: Inbox) -> None:
    sale, made = await sold(office, 1, 0.5)
    await passed_on(office, sale, *made.values(), "bob@example.org")
    await office.follow()
    connection = await office.postgres.connection()
    await connection.execute(FORGET_TICKETS, b"bob@example.org")
    await office.send_all()
    assert {letter["To"] for letter in inbox.letters} == set(made)


async def test_links_to_all_reservations_come_in_one_mail(office: Office, inbox: Inbox) -> None:
    _, made = await sold(office, 2, 0.5)
    ids: Any = [*made.values(), new_id()]
    mail = Mail(MailKind.RECOVER_LINKS, "ada@example.org", parameters={"reservation_ids": ids})
    await office.ask_for(mail)
    await office.send_all()
    text = plain_text(inbox.letters[0])
    assert [id_ in text for id_ in ids] == [True, True, False]


def plain_text(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    return str(body.get_content())
