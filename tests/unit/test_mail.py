"""What a mail needs is asked for where the mail is, not when it is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.mail import FORMS, RECIPIENT_MAX_CHARACTERS, Mail, MailKind, UnsoundMail, check

TO = "ada@example.org"
RESET = Mail(MailKind.PASSWORD_RESET, TO, parameters={"token": "t", "valid_minutes": 30})
CONFIRMED = Mail(MailKind.CONFIRMED, reservation_id="r", inventory_id="i")


def test_a_mail_with_all_that_its_kind_needs_is_sound() -> None:
    check(RESET)
    check(CONFIRMED)


def test_every_kind_says_what_it_needs() -> None:
    assert set(FORMS) == set(MailKind)


@pytest.mark.parametrize(
    ("mail", "says"),
    [
        (replace(RESET, kind="newsletter"), "no such kind"),  # type: ignore[arg-type]
        (replace(RESET, parameters={"token": "t"}), "without valid_minutes"),
        (replace(RESET, parameters={**RESET.parameters, "hint": "x"}), "knows no hint"),
        (replace(RESET, recipient=None), "to whom"),
        (replace(CONFIRMED, inventory_id=None), "of which reservation"),
        (replace(CONFIRMED, reservation_id=None), "of which reservation"),
    ],
)
def test_a_mail_that_could_not_be_written_is_refused(mail: Mail, says: str) -> None:
    with pytest.raises(UnsoundMail, match=says):
        check(mail)


@pytest.mark.parametrize(
    "recipient",
    ["", "ada", "@example.org", "ada@", "a b@example.org", "ada@example.org\r\nBcc: eve@example.org"],
)
def test_what_is_no_address_is_refused_and_not_repeated(recipient: str) -> None:
    with pytest.raises(UnsoundMail) as refused:
        check(replace(RESET, recipient=recipient))
    assert not recipient.strip("@") or recipient not in str(refused.value)


def of_length(characters: int) -> Mail:
    return replace(RESET, recipient="a" * (characters - 5) + "@b.cd")


def test_an_address_has_a_bound() -> None:
    check(of_length(RECIPIENT_MAX_CHARACTERS))
    with pytest.raises(UnsoundMail, match="no address"):
        check(of_length(RECIPIENT_MAX_CHARACTERS + 1))
