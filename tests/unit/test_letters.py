"""Every mail can be written in every language, says the same in both parts, and nothing in it is believed."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from email import message_from_bytes
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.policy import default
from html import unescape
from typing import Any, cast

import pytest

from actors.mail.envelope import Letter, addressed, sealed
from actors.mail.letters import Letters, Stationery
from actors.mail.words import ENGLISH, SPANISH, amount, moment
from domain.event_messages import Line
from domain.mail import FORMS, LANGUAGES, Json, MailKind
from domain.mail_details import BookedLine, Details
from domain.news import TOLD_TO_HOLDERS
from domain.papers import Papers
from domain.ticket_codes import TicketCodes
from domain.unsubscribing import customer_in, token_for
from persistence.connection import Row
from persistence.mail_queue import TakenMail, details_of
from persistence.rows import encoded_lines

SECRET = b"s" * 32
TICKET_SECRET = b"t" * 32
LETTERS = Letters(Stationery("Box <box@example.org>", "https://tickets.example", SECRET, TICKET_SECRET))
START_MS = 1_783_105_200_000
EVENT, RESERVATION = "01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000002"
CONCERT = Details(
    reservation_id=RESERVATION,
    inventory_id=EVENT,
    status="confirmed",
    customer=b"k" * 16,
    name="Nächtliche Musik",
    starts_at_ms=START_MS,
    email="ada@example.org",
    customer_name="Ada",
    venue="Hall",
    city="Graz",
    currency="EUR",
    lines=(BookedLine("Stalls", 2, 4_500, ("A/1/1", "A/1/2")),),
    cancel_until_ms=START_MS,
)
DINNER = replace(
    CONCERT,
    name="Trattoria",
    currency=None,
    lines=(),
    party_size=4,
    tables=("7",),
    time_zone="Europe/Vienna",
    phone="+43 1 2345",
)
PARAMETERS: dict[str, Json] = {
    "amount": 9_000,
    "currency": "EUR",
    "changed": ["time", "place"],
    "venue": "Old hall",
    "city": None,
    "starts_at_ms": START_MS,
    "reason": "late",
    "number": 2,
    "generation": 3,
    "token": "to/ken",
    "valid_minutes": 30,
    "valid_days": 7,
    "organiser": "Schauspielhaus",
    "reservation_ids": [RESERVATION],
}


def written(
    kind: MailKind, details: Details = CONCERT, language: str | None = None, to_holder: bool = False
) -> EmailMessage:
    """`to_holder`: of a ticket that was passed on, where the buyer is told too."""
    form = FORMS[kind]
    names = form.needs | (form.may if to_holder else form.may - {"number", "generation"})
    parameters = {name: PARAMETERS[name] for name in names}
    to = None if form.of_reservation else "ada@example.org"
    reservation = RESERVATION if form.of_reservation else None
    mail = TakenMail("m", kind, to, language, EVENT, reservation, parameters, START_MS, None, 1)
    return read(LETTERS.write(mail, kind, {RESERVATION: details}))


def read(letter: Letter) -> EmailMessage:
    """As a program that gets it does."""
    return message_from_bytes(letter.raw, _class=EmailMessage, policy=default)


def text_of(letter: EmailMessage) -> str:
    return content(letter.get_body(("plain",)))


def html_of(letter: EmailMessage) -> str:
    return content(letter.get_body(("html",)))


def content(part: Any) -> str:
    return str(part.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize(("language", "said"), [("en", "Deposit: 40.00 EUR"), ("es", "Depósito: 40,00 EUR")])
def test_a_tables_mail_says_its_deposit_if_it_has_one(language: str, said: str) -> None:
    kind = MailKind.CONFIRMED
    with_one = text_of(written(kind, replace(DINNER, currency="EUR", deposit=4_000), language))
    assert said in with_one
    assert "Total" not in with_one
    assert said.split(":", maxsplit=1)[0] not in text_of(written(kind, DINNER, language))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", MailKind)
@pytest.mark.parametrize("details", [CONCERT, DINNER])
def test_both_parts_say_the_same(kind: MailKind, language: str, details: Details) -> None:
    letter = written(kind, details, language)
    assert letter["Content-Language"] == language
    body = html_of(letter).split("<main>")[1].split("</main>")[0]
    links = re.findall(r'href="([^"]*)"', body)
    in_html = sorted(
        re.findall(r"\w+", unescape(re.sub(r"<[^>]*>", " ", body)) + " ".join(map(unescape, links)))
    )
    assert in_html == sorted(re.findall(r"\w+", text_of(letter)))


def test_the_languages_differ_and_the_customers_is_taken() -> None:
    assert written(MailKind.CONFIRMED)["Subject"] == "Confirmed: Nächtliche Musik"
    spanish = replace(CONCERT, language="es")
    assert written(MailKind.CONFIRMED, spanish)["Subject"] == "Confirmada: Nächtliche Musik"
    assert written(MailKind.CONFIRMED, spanish, "en")["Subject"].startswith("Confirmed")
    assert written(MailKind.CONFIRMED, replace(CONCERT, language="xx"))["Content-Language"] == "en"


def test_links_are_recovered_in_the_language_of_the_first_reservation_that_has_one() -> None:
    other = replace(CONCERT, reservation_id=EVENT)
    parameters: dict[str, Json] = {"reservation_ids": [RESERVATION, "gone", EVENT]}
    kind = MailKind.RECOVER_LINKS
    mail = TakenMail("m", kind, "ada@example.org", None, None, None, parameters, START_MS, None, 1)
    for languages, expected in (((None, "es"), "es"), (("en", "es"), "en"), ((None, None), "en")):
        first, second = (
            replace(one, language=said) for one, said in zip((CONCERT, other), languages, strict=True)
        )
        letter = LETTERS.write(mail, kind, {RESERVATION: first, EVENT: second})
        assert read(letter)["Content-Language"] == expected


def test_a_confirmation_has_what_was_bought_and_the_papers() -> None:
    token, code = Papers(SECRET).of(EVENT, RESERVATION)
    text = text_of(written(MailKind.CONFIRMED))
    for said in (
        "Friday, 3 July 2026, 19:00 UTC",
        "Hall, Graz",
        "2 x Stalls",
        "A/1/1, A/1/2",
        "90.00 EUR",
        code,
        f"https://tickets.example/reservations/{RESERVATION}#token={token}",
    ):
        assert said in text


@pytest.mark.parametrize(
    "details", [DINNER, replace(CONCERT, cancel_until_ms=None), replace(CONCERT, status="cancelled")]
)
def test_a_code_that_is_of_no_use_is_not_shown(details: Details) -> None:
    assert Papers(SECRET).of(EVENT, RESERVATION)[1] not in text_of(written(MailKind.CONFIRMED, details))


def test_a_table_is_confirmed_in_its_own_time() -> None:
    text = text_of(written(MailKind.CONFIRMED, DINNER, "es"))
    for said in ("viernes, 3 de julio de 2026, 21:00\n", "Personas: 4", "Mesa: 7", "+43 1 2345"):
        assert said in text


def test_what_others_typed_in_is_no_markup_and_no_header() -> None:
    hostile = "<script>alert(1)</script>\r\nBcc: eve@example.org"
    letter = written(MailKind.CONFIRMED, replace(CONCERT, name=hostile, venue=hostile))
    assert "<script>" not in html_of(letter)
    assert "&lt;script&gt;" in html_of(letter)
    assert letter["Bcc"] is None
    assert "\n" not in letter["Subject"]
    assert letter["To"] == "ada@example.org"


@pytest.mark.parametrize("name", ["Win at http://evil.example", "x" * 61, "a.b", "call 0900"])
def test_a_name_that_could_be_a_message_is_left_out(name: str) -> None:
    assert name not in text_of(written(MailKind.CONFIRMED, replace(CONCERT, customer_name=name)))


def test_a_ticket_that_was_passed_on_comes_with_its_place_and_the_right_to_it() -> None:
    text = text_of(written(MailKind.TICKET_TRANSFERRED))
    token = TicketCodes(TICKET_SECRET).token(RESERVATION, 2, 3)
    for said in (
        "Ticket number: 2",
        "Type: Stalls",
        "Seats: A/1/2",
        f"/tickets/{RESERVATION}/2#token={token}",
    ):
        assert said in text
    assert Papers(SECRET).of(EVENT, RESERVATION)[0] not in text


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("kind", TOLD_TO_HOLDERS)
def test_who_was_given_a_ticket_is_told_of_its_event_and_gets_no_right_to_the_reservation(
    kind: MailKind, language: str
) -> None:
    details = replace(CONCERT, cancel_until_ms=START_MS + 86_400_000)
    texts = [text_of(written(kind, details, language, to_holder)) for to_holder in (True, False)]
    rights = Papers(SECRET).of(EVENT, RESERVATION)
    assert [any(right in text for right in rights) for text in texts] == [False, True]
    assert "A/1/2" in texts[0]


def test_who_passed_a_ticket_on_is_given_no_right_to_it() -> None:
    token = TicketCodes(TICKET_SECRET).token(RESERVATION, 2, 3)
    assert token not in written(MailKind.TICKET_PASSED_ON).as_string()


def test_why_late_money_goes_back_is_said() -> None:
    assert "90.00 EUR has been paid back" in text_of(written(MailKind.REFUNDED))
    assert "could not be given to you" in " ".join(text_of(written(MailKind.REFUNDED)).split())


@pytest.mark.parametrize(("number", "place"), [(0, None), (1, "A"), (2, "B"), (3, ""), (4, ""), (5, None)])
def test_a_tickets_place_is_found_by_its_number(number: int, place: str | None) -> None:
    lines = (BookedLine("Seat", 2, 1, ("A", "B")), BookedLine("Standing", 2, 1))
    found = replace(CONCERT, lines=lines).place(number)
    assert found == (None if place is None else ("Seat" if number < 3 else "Standing", place))


def test_a_ticket_is_told_of_by_the_number_that_it_kept_when_others_went_back() -> None:
    left = encoded_lines((Line("seat", 1, 1, ("A",)), Line("standing", 1, 1, (), 2)))
    row = defaultdict(lambda: None, kind="event", lines=left)
    found = details_of(cast(Row, row))
    assert [found.place(number) for number in (1, 2, 3, 4)] == [("seat", "A"), None, None, ("standing", "")]


def test_a_reminder_can_be_ended_with_one_click() -> None:
    letter = written(MailKind.REMINDER)
    token = token_for(CONCERT.customer, SECRET)
    assert letter["List-Unsubscribe"] == f"<https://tickets.example/api/v1/unsubscribe/{token}>"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert written(MailKind.CONFIRMED)["List-Unsubscribe"] is None


def test_who_is_told_of_a_change_is_told_until_when_it_may_be_cancelled() -> None:
    until_ms = START_MS + 86_400_000
    told = written(MailKind.EVENT_CHANGED, replace(CONCERT, cancel_until_ms=until_ms))
    text = " ".join(text_of(told).split())
    assert "cancel it until Saturday, 4 July 2026" in text
    for gone in (replace(CONCERT, cancel_until_ms=None), CONCERT):
        assert "cancel it until" not in text_of(written(MailKind.EVENT_CHANGED, gone))


def test_the_message_id_is_the_mails() -> None:
    assert written(MailKind.CONFIRMED)["Message-ID"] == "<m@example.org>"


def test_an_erased_customer_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="nobody"):
        written(MailKind.CONFIRMED, replace(CONCERT, email=None))


def test_an_unsubscribing_token_is_its_customers_and_its_secrets_alone() -> None:
    token = token_for(b"k" * 16, SECRET)
    assert customer_in(token, SECRET) == b"k" * 16
    assert customer_in(token, b"another") is None
    for wrong in ("", token[:-1], token + "A", token[:-2] + "AA", "é" * 43, "A" * 65, "!" * 43):
        assert customer_in(wrong, SECRET) is None


@pytest.mark.parametrize(
    ("minor", "currency", "english", "spanish"),
    [
        (5, "EUR", "0.05 EUR", "0,05 EUR"),
        (1_234, "JPY", "1234 JPY", "1234 JPY"),
        (1_500, "KWD", "1.500 KWD", "1,500 KWD"),
    ],
)
def test_amounts_have_their_currencys_digits(minor: int, currency: str, english: str, spanish: str) -> None:
    assert (amount(minor, currency, ENGLISH), amount(minor, currency, SPANISH)) == (english, spanish)


def test_a_zone_that_is_none_is_utc() -> None:
    assert moment(0, "Nowhere/At-all", ENGLISH) == "Thursday, 1 January 1970, 00:00 UTC"


@pytest.mark.parametrize(
    "subject",
    ["x" * 300, "x " * 500, "Nächtliche Musik " * 20, "plain words " * 30, "\u6f22\u5b57" * 80],
)
def test_a_long_subject_comes_back_as_it_was(subject: str) -> None:
    raw = sealed([("Subject", subject)], "t\n", "h\n", "=_b")
    found = message_from_bytes(raw, _class=EmailMessage, policy=default)
    assert str(found["Subject"]).split() == subject.split()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))


@pytest.mark.parametrize(
    "content", ["", "\n", "a = b \n.\nFrom me\n", "ü" * 500 + "\n", "\u6f22" * 300 + "\nx\n"]
)
def test_a_part_comes_back_as_it_was(content: str) -> None:
    found = message_from_bytes(sealed([], content, content, "=_b"), _class=EmailMessage, policy=default)
    assert [content_of(part) for part in found.iter_parts()] == [content, content]


def content_of(part: Any) -> str:
    return str(part.get_payload(decode=True).decode()).replace("\r\n", "\n")


@pytest.mark.parametrize("value", ["a\nBcc: eve@example.org", "a\r\n b", "a\0b"])
def test_a_header_is_one_line(value: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        sealed([("Subject", value)], "", "", "=_b")


@pytest.mark.parametrize("recipient", ["ada@example.org", "a.b+c@x.y", '"a b"@x.y'])
def test_an_address_is_written_as_it_is(recipient: str) -> None:
    assert addressed(recipient) == recipient


@pytest.mark.parametrize(
    "recipient", ["a@b, c@d", "a@b\nBcc: c@d", "<a@b>", "Ada <a@b>", "ü@b.de", "ada", ""]
)
def test_what_is_no_address_or_more_than_one_is_not_written_to(recipient: str) -> None:
    with pytest.raises((ValueError, HeaderParseError)):
        addressed(recipient)


def test_paragraphs_of_the_text_are_apart() -> None:
    assert text_of(written(MailKind.CONFIRMED)).startswith(
        "Hello Ada,\n\nyour reservation is confirmed.\n\n  What:"
    )
    for kind in MailKind:
        text = text_of(written(kind))
        assert "\n\n\n" not in text
        assert text.count("\n\nThis mail was written") == text.count("This mail was written")


@pytest.mark.parametrize(("minutes", "said"), [(119, "119 minutes"), (1_440, "24 hours")])
def test_what_is_good_for_hours_is_told_in_hours(minutes: int, said: str) -> None:
    given: dict[str, Json] = {"token": "t", "valid_minutes": minutes}
    kind, to = MailKind.CONFIRM_EMAIL, "ada@example.org"
    letter = LETTERS.write(TakenMail("m", kind, to, "en", None, None, given, START_MS, None, 1), kind, {})
    assert f"It is good for {said}." in text_of(read(letter))
